/**
 * @file
 * One shard of a stack of doubles, for stacks and pools: the operations of its owner, and the attempts by sections.
 * stack.h describes the layout of a shard; the overflow shard of a pool (pool.h) is longer than the others.
 */
#ifndef RSEQ_PERCPU_STACK_SHARD_H
#define RSEQ_PERCPU_STACK_SHARD_H

#include "stack.h"
#include "stopped_shard.h"

namespace percpu {
namespace stack_shard {

using namespace stopped_shard;

/** The word before the stop word. */
constexpr uint32_t kCount = 0;

/** The count of a shard. Any thread can overwrite it. */
inline uint64_t count_of(const Region& region, uint32_t shard) noexcept {
  return __atomic_load_n(word_at<uint64_t>(region, shard, kCount), __ATOMIC_RELAXED);
}

/** How many values a shard has room for. */
inline uint32_t capacity_of(const Region& region, uint32_t shard) noexcept {
  return region.kind == Kind::pool && shard == region.shards ? region.units : stack_capacity(region);
}

/** Pushes as many of values[0] to values[count - 1] as fit, on a shard that the caller owns, and sets `count` to them.
 */
Status push_owned(const Region& region, uint32_t shard, const double* values, uint32_t& count) noexcept;

/**
 * Pops up to `count` values from a shard that the caller owns, last pushed first, and sets `count` to their number. It
 * stops at a word that is not finite. corrupt: such a word was on top, and is removed.
 */
Status pop_owned(const Region& region, uint32_t shard, double* values, uint32_t& count) noexcept;

/** Pushes on a shard behind its lock: ok, full, bad_value, corrupt or contended. */
Status push_locked(const Region& region, uint32_t shard, double value) noexcept;

/** Pops from a shard behind its lock. If the shard is empty, it returns empty without taking the lock. */
Status pop_locked(const Region& region, uint32_t shard, double& value) noexcept;

/** Why a section that refuses the count `limit` failed its comparison. */
Obstacle obstacle(const Region& region, uint32_t shard, uint64_t limit) noexcept;

/**
 * Why a section that pops failed its comparison. If a NaN is on top, which no push stores, it removes the NaN behind
 * the shard's lock and returns `corrupt`; in a pool that processes share, whatever is no block's number.
 */
Obstacle pop_obstacle(const Region& region, uint32_t shard) noexcept;

/** Tries sections that push. `at_limit`: the stack is full. */
inline Attempted attempt_push(const Region& region, double value) noexcept {
  const uint32_t capacity = stack_capacity(region);
  const auto look = [&](uint32_t shard) { return obstacle(region, shard, capacity); };
  return attempt(region, look, [&](const Here& here, int64_t* words) {
    return load_cbne_load_cbge_store_add_store(here, words, capacity, value);
  });
}

/** Tries sections that pop. `at_limit`: the stack is empty. */
inline Attempted attempt_pop(const Region& region, double& value) noexcept {
  const auto look = [&](uint32_t shard) { return pop_obstacle(region, shard); };
  return attempt(region, look, [&](const Here& here, int64_t* words) {
    const Taken taken = load_cbne_load_add_cbge_load_store(here, words, stack_capacity(region));
    value = taken.value;
    return taken.outcome;
  });
}

} // namespace stack_shard
} // namespace percpu

#endif // RSEQ_PERCPU_STACK_SHARD_H
