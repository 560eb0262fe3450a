/**
 * @file
 * Reading and resetting counters, and opening batches: the operations that are not hot.
 */
#ifndef RSEQ_ADDON_COUNTER_BINDING_H
#define RSEQ_ADDON_COUNTER_BINDING_H

#include "js.h"

namespace percpu {
namespace addon {

void export_counters(Environment& environment, Object& exports) noexcept;

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_COUNTER_BINDING_H
