/**
 * @file
 * Opening locks, and waiting for them.
 */
#ifndef RSEQ_ADDON_LOCK_BINDING_H
#define RSEQ_ADDON_LOCK_BINDING_H

#include "js.h"

namespace percpu {
namespace addon {

void export_locks(Environment& environment, Object& exports) noexcept;

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_LOCK_BINDING_H
