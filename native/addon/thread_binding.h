/**
 * @file
 * The thread's registration, its area as a typed array, and the self-test.
 */
#ifndef RSEQ_ADDON_THREAD_BINDING_H
#define RSEQ_ADDON_THREAD_BINDING_H

#include "js.h"

namespace rseq {
namespace addon {

void export_thread(Environment& environment, Object& exports) noexcept;

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_THREAD_BINDING_H
