/**
 * @file
 * Reading and resetting counters, and opening batches: the operations that are not hot.
 */
#ifndef RSEQ_ADDON_COUNTER_BINDING_H
#define RSEQ_ADDON_COUNTER_BINDING_H

#include "js.h"

namespace rseq {
namespace addon {

void export_counters(Environment& environment, Object& exports) noexcept;

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_COUNTER_BINDING_H
