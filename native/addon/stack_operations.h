/**
 * @file
 * The hot operations on stacks, lists and pools.
 */
#ifndef RSEQ_ADDON_STACK_OPERATIONS_H
#define RSEQ_ADDON_STACK_OPERATIONS_H

#include "../percpu/list.h"
#include "../percpu/pool.h"
#include "../percpu/stack.h"
#include "answer.h"
#include "handles.h"

namespace percpu {
namespace addon {

/** Pushes a finite number, with repeated attempts and the overflow shard. */
uint32_t stack_push(uint32_t handle, double value) noexcept;

/** Results of stack_pop() that are not values: no push accepts them. */
constexpr double kNothingToPop = __builtin_inf();
constexpr double kCorruptStack = -__builtin_inf();

/** Pops a number, with repeated attempts and the overflow shard. Else one of the results above, or NaN for other
 * errors. */
double stack_pop(uint32_t handle) noexcept;

/**
 * stack_pop() that returns a NaN if it fails, or an infinity if it removed a word that no push stores.
 */
double stack_pop_or_nan(uint32_t handle) noexcept;

/**
 * The rest of stack_try_pop() if the pop cannot be direct: of a pool that processes share, one attempt that notes the
 * holder; else stack_pop_or_nan(). `index` is the CPU in `area`, which is libc's if it is below region.direct_stacks.
 */
double stack_pop_indirectly(const Region& region, Area* area, uint64_t index, uint32_t handle) noexcept;

/** One attempt to push a finite number. If it fails, nothing is pushed, and the caller must call stack_push(). */
inline uint32_t stack_try_push(uint32_t handle, double value) noexcept {
  const Region* region = regions.find(handle);
  if (__builtin_expect(region == nullptr, false))
    return stack_push(handle, value);
  const Here place = libc_here();
  // Widened once, for the comparison and for the address. No need to check the handle's tag: the bound is 0 for all
  // other kinds of regions.
  const uint64_t index = place.index;
  if (__builtin_expect(index >= region->direct_stacks, false))
    return stack_push(handle, value);
  return answer(stack_push_directly(*region, place.area, index, value));
}

/**
 * One attempt to pop a number. Returns a NaN if it fails; the caller must then call stack_pop(). An infinity is a word
 * that no push stores; it is removed.
 */
inline double stack_try_pop(uint32_t handle) noexcept {
  const Region* region = regions.find(handle);
  if (__builtin_expect(region == nullptr, false))
    return stack_pop_or_nan(handle);
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(index >= region->direct_pops, false))
    return stack_pop_indirectly(*region, place.area, index, handle);
  return stack_pop_directly(*region, place.area, index);
}

/** Pushes a node, with repeated attempts and the overflow shard. Returns a Status. */
uint32_t list_push(uint32_t handle, uint32_t node) noexcept;

/** Pops a node, with repeated attempts and the overflow shard. Returns the node, or -Status. */
int32_t list_pop(uint32_t handle) noexcept;

/** The rest of list_try_pop(), as stack_pop_indirectly(). */
int32_t list_pop_indirectly(const Region& region, Area* area, uint64_t index, uint32_t handle) noexcept;

/** One attempt to push a node. If it fails, nothing is pushed, and the caller must call list_push(). */
inline uint32_t list_try_push(uint32_t handle, uint32_t node) noexcept {
  const Region* region = find_region(handle, Kind::list);
  if (__builtin_expect(region == nullptr || !region->is_direct || node >= region->units, false))
    return list_push(handle, node);
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(index >= region->shards, false))
    return list_push(handle, node);
  return answer(list_push_directly(*region, place.area, index, node));
}

/** One attempt to pop a node. Returns a number below 0 if it fails; the caller must then call list_pop(). */
inline int32_t list_try_pop(uint32_t handle) noexcept {
  const Region* region = find_region(handle, Kind::list);
  if (__builtin_expect(region == nullptr, false))
    return list_pop(handle);
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(index >= region->direct_pops, false))
    return list_pop_indirectly(*region, place.area, index, handle);
  return list_pop_directly(*region, place.area, index);
}

/** Allocates a block of a pool, from this CPU or any other. Returns the block, or -Status. */
int32_t pool_alloc(uint32_t handle) noexcept;

/** Frees a block. Returns a Status. For unchecked pools, callers first try stack_try_pop() and stack_try_push(). */
uint32_t pool_free(uint32_t handle, uint32_t block) noexcept;

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_STACK_OPERATIONS_H
