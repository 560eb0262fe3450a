/**
 * @file
 * The hot operations on counters that carry into a tree.
 */
#ifndef RSEQ_ADDON_COUNTER_TREE_OPERATIONS_H
#define RSEQ_ADDON_COUNTER_TREE_OPERATIONS_H

#include "../percpu/counter_tree.h"
#include "answer.h"
#include "handles.h"

namespace percpu {
namespace addon {

/** The region of a tree; null if the arguments are refused. */
inline const Region* find_counter_tree(uint32_t handle, uint32_t step) noexcept {
  const Region* region = regions.find(handle);
  const bool is_tree = region != nullptr && is_counter_tree(*region) && step != 0;
  return __builtin_expect(is_tree, true) ? region : nullptr;
}

/** Adds a 32-bit delta. `step` is the step of the tree, in additions of 1. */
inline uint32_t counter_tree_add_int32(uint32_t handle, uint32_t step, int32_t delta) noexcept {
  const Region* region = find_counter_tree(handle, step);
  return region != nullptr ? answer(percpu::counter_tree_add(*region, step, int64_t{delta}))
                           : answer(Status::bad_handle);
}

/** Adds any safe integer. */
inline uint32_t counter_tree_add_float64(uint32_t handle, uint32_t step, double delta) noexcept {
  const Region* region = find_counter_tree(handle, step);
  int64_t whole;
  if (region == nullptr)
    return answer(Status::bad_handle);
  return to_safe_integer(delta, whole) ? answer(percpu::counter_tree_add(*region, step, whole))
                                       : answer(Status::bad_value);
}

/** The value as the tree knows it; NaN if the arguments are refused. */
inline double counter_tree_approximate(uint32_t handle, uint32_t step) noexcept {
  const Region* region = find_counter_tree(handle, step);
  return region != nullptr ? percpu::counter_tree_approximate(*region, step) : __builtin_nan("");
}

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_COUNTER_TREE_OPERATIONS_H
