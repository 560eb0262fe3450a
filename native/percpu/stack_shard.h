/**
 * @file
 * One shard of stacks of doubles, for the structures that are made of such: what its owner does with it, and what
 * came of a section on it. stack.h draws a shard; the overflow shard of a pool (pool.h) is longer than the others.
 */
#ifndef RSEQ_PERCPU_STACK_SHARD_H
#define RSEQ_PERCPU_STACK_SHARD_H

#include "stack.h"
#include "stopped_shard.h"

namespace rseq {
namespace stack_shard {

using namespace stopped_shard;

/** The word before the stop word. */
constexpr uint32_t kCount = 0;

/** How many values a shard says that it has. Anybody's word. */
inline uint64_t count_of(const Region& region, uint32_t shard) noexcept {
  return __atomic_load_n(word_at<uint64_t>(region, shard, kCount), __ATOMIC_RELAXED);
}

/** How many it has room for. */
inline uint32_t capacity_of(const Region& region, uint32_t shard) noexcept {
  return region.kind == Kind::pool && shard == region.shards ? region.units : stack_capacity(region);
}

inline bool is_finite(double value) noexcept {
  return value - value == 0;
}

/** Pushes as many of values[0] to values[count - 1] as fit, on a shard that is the caller's alone, and counts them. */
Status give(const Region& region, uint32_t shard, const double* values, uint32_t& count) noexcept;

/** Pops as many, last pushed first, from a shard that is the caller's alone. */
Status take(const Region& region, uint32_t shard, double* values, uint32_t& count) noexcept;

/** Pushes on a shard behind its lock: ok, full, bad_value, corrupt or contended. */
Status push_locked(const Region& region, uint32_t shard, double value) noexcept;

/** Pops from a shard behind its lock; answers empty without taking it. */
Status pop_locked(const Region& region, uint32_t shard, double& value) noexcept;

/** What is in the way of a section that gives up at the count `limit`. */
Obstacle obstacle(const Region& region, uint32_t shard, uint64_t limit) noexcept;

/** Attempts to push. */
inline Attempted attempt_push(const Region& region, double value) noexcept {
  const uint32_t capacity = stack_capacity(region);
  const auto look = [&](uint32_t shard) { return obstacle(region, shard, capacity); };
  return attempt(region, look, [&](const Here& here, int64_t* words) {
    return load_cbne_load_cbge_store_add_store(here, words, capacity, value);
  });
}

/** Attempts to pop; at_limit: there is nothing. */
inline Attempted attempt_pop(const Region& region, double& value) noexcept {
  const auto look = [&](uint32_t shard) { return obstacle(region, shard, 0); };
  return attempt(region, look, [&](const Here& here, int64_t* words) {
    const Taken taken = load_cbne_load_add_cbge_load_store(here, words, stack_capacity(region));
    value = taken.value;
    return taken.outcome;
  });
}

} // namespace stack_shard
} // namespace rseq

#endif // RSEQ_PERCPU_STACK_SHARD_H
