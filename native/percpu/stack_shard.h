/**
 * @file
 * One shard of stacks of doubles, for the structures that are made of such: what its owner does with it, and what
 * came of a section on it. stack.h draws a shard; the overflow shard of a pool (pool.h) is longer than the others.
 */
#ifndef RSEQ_PERCPU_STACK_SHARD_H
#define RSEQ_PERCPU_STACK_SHARD_H

#include "../rseq/thread.h"
#include "counter.h"
#include "remote.h"
#include "stack.h"

namespace rseq {
namespace stack_shard {

/** A shard's words. */
constexpr uint32_t kCount = 0;
constexpr uint32_t kStop = 1;

inline uint64_t* stop_word(const Region& region, uint32_t shard) noexcept {
  return word_at<uint64_t>(region, shard, kStop);
}

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

/** Runs `act` on a shard behind its lock. */
template <typename Act> Status locked(const Region& region, uint32_t shard, Act act) noexcept {
  return as_owner(region, shard, stop_word(region, shard), act);
}

/** Pushes on a shard behind its lock: ok, full, bad_value, corrupt or contended. */
Status push_locked(const Region& region, uint32_t shard, double value) noexcept;

/** Pops from a shard behind its lock; answers empty without taking it. */
Status pop_locked(const Region& region, uint32_t shard, double& value) noexcept;

/** Why a section's comparison failed. `none`: whatever it was, it is not so any more. */
enum class Obstacle : uint32_t { none, stopped, at_limit, corrupt };

/** `limit`: the count at which the section gives up. */
Obstacle obstacle(const Region& region, uint32_t shard, uint64_t limit) noexcept;

/** What came of the attempts on this CPU's shard. */
enum class Attempted : uint32_t { done, at_limit, corrupt, elsewhere };

/** Tries `section(here, words)` on this CPU's shard; `elsewhere` if it is the overflow shard's turn. */
template <typename Section> Attempted attempt(const Region& region, uint64_t limit, Section section) noexcept {
  for (uint32_t tries = 0; tries < kAttempts; tries++) {
    const Here place = here(region.index);
    if (place.index >= region.section_shards)
      break;
    const Outcome outcome = section(place, word_at<int64_t>(region, place.index, 0));
    if (outcome == Outcome::done)
      return Attempted::done;
    if (outcome != Outcome::compare_failed)
      continue;
    switch (obstacle(region, place.index, limit)) {
    case Obstacle::none:
      break;
    case Obstacle::stopped:
      return Attempted::elsewhere;
    case Obstacle::at_limit:
      return Attempted::at_limit;
    case Obstacle::corrupt:
      return Attempted::corrupt;
    }
  }
  return Attempted::elsewhere;
}

/** Attempts to push. */
inline Attempted attempt_push(const Region& region, double value) noexcept {
  const uint32_t capacity = stack_capacity(region);
  return attempt(region, capacity, [&](const Here& here, int64_t* words) {
    return load_cbne_load_cbge_store_add_store(here, words, capacity, value);
  });
}

/** Attempts to pop; at_limit: there is nothing. */
inline Attempted attempt_pop(const Region& region, double& value) noexcept {
  return attempt(region, 0, [&](const Here& here, int64_t* words) {
    const Taken taken = load_cbne_load_add_cbge_load_store(here, words, stack_capacity(region));
    value = taken.value;
    return taken.outcome;
  });
}

} // namespace stack_shard
} // namespace rseq

#endif // RSEQ_PERCPU_STACK_SHARD_H
