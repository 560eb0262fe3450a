/**
 * @file
 * Code for all structures whose shards have a stop word (remote.h) as word 1: the lock of a shard, and the attempts by
 * sections, which need no lock.
 */
#ifndef RSEQ_PERCPU_STOPPED_SHARD_H
#define RSEQ_PERCPU_STOPPED_SHARD_H

#include "../rseq/thread.h"
#include "counter.h"
#include "extents.h"
#include "remote.h"

namespace percpu {
namespace stopped_shard {

constexpr uint32_t kStop = 1;

inline uint64_t* stop_word(const Region& region, uint32_t shard) noexcept {
  return word_at<uint64_t>(region, shard, kStop);
}

/** stop_shard(); out_of_range if there is no such shard, no_room if it cannot be allocated; region.shards is the
 * overflow shard. */
inline Status stop(const Region& region, uint32_t shard) noexcept {
  if (shard > region.shards)
    return Status::out_of_range;
  const Status reached = reach_shard(region, shard);
  return reached == Status::ok ? stop_shard(region, shard, stop_word(region, shard)) : reached;
}

/** resume_shard(), or out_of_range. */
inline Status resume(const Region& region, uint32_t shard) noexcept {
  if (shard <= region.shards && see_shard(region, shard) != Status::ok)
    return Status::not_owner;
  return shard <= region.shards ? resume_shard(region, shard, stop_word(region, shard)) : Status::out_of_range;
}

/** ok if the calling thread has stopped the shard, else not_owner; or out_of_range. */
inline Status owner_check(const Region& region, uint32_t shard) noexcept {
  if (shard > region.shards)
    return Status::out_of_range;
  if (see_shard(region, shard) != Status::ok)
    return Status::not_owner;
  return owns_shard(region, stop_word(region, shard)) ? Status::ok : Status::not_owner;
}

/** Runs `act` on a shard behind its lock. */
template <typename Act> Status locked(const Region& region, uint32_t shard, Act act) noexcept {
  return as_owner(region, shard, stop_word(region, shard), act);
}

/** Why a section's comparison failed. `none`: the reason no longer exists. */
enum class Obstacle : uint32_t { none, stopped, at_limit, corrupt };

/** `stopped` if a live thread owns the shard, else `none`: it resumes a shard whose owner has ended. */
Obstacle stop_obstacle(const Region& region, uint32_t shard) noexcept;

/** The result of the attempts on this CPU's shard. `elsewhere`: use the overflow shard. */
enum class Attempted : uint32_t { done, at_limit, corrupt, elsewhere };

/**
 * Tries `section(here, words)` on this CPU's shard, at most kAttempts times. If a comparison fails, `look(shard)`
 * returns the Obstacle.
 */
template <typename Look, typename Section>
Attempted attempt(const Region& region, Look look, Section section) noexcept {
  for (uint32_t tries = 0; tries < kAttempts; tries++) {
    const Here place = here(region.index);
    if (!has_section(region, place.index))
      break;
    // Barrier C: pairs with D and E in native/percpu/remote.cc. The section loads the stop word, then the rest, without
    // a fence; the owner's fences abort it where that matters.
    const Outcome outcome = section(place, word_at<int64_t>(region, place.index, 0));
    if (outcome == Outcome::done)
      return Attempted::done;
    if (outcome != Outcome::compare_failed)
      continue;
    switch (look(place.index)) {
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

} // namespace stopped_shard
} // namespace percpu

#endif // RSEQ_PERCPU_STOPPED_SHARD_H
