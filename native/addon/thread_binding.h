/**
 * @file
 * The thread's registration, its area as a typed array, and the self-test.
 */
#ifndef RSEQ_ADDON_THREAD_BINDING_H
#define RSEQ_ADDON_THREAD_BINDING_H

#include "js.h"

namespace percpu {
namespace addon {

void export_thread(Environment& environment, Object& exports) noexcept;

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_THREAD_BINDING_H
