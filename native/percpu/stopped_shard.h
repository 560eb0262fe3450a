/**
 * @file
 * What the structures have in common whose shards have a stop word (remote.h) as word 1: a lock behind which a shard is
 * the caller's alone, and the attempts to do without, by a section.
 */
#ifndef RSEQ_PERCPU_STOPPED_SHARD_H
#define RSEQ_PERCPU_STOPPED_SHARD_H

#include "../rseq/thread.h"
#include "counter.h"
#include "remote.h"

namespace rseq {
namespace stopped_shard {

constexpr uint32_t kStop = 1;

inline uint64_t* stop_word(const Region& region, uint32_t shard) noexcept {
  return word_at<uint64_t>(region, shard, kStop);
}

/** stop_shard(), or out_of_range if there is no such shard; region.shards is the overflow shard. */
inline Status stop(const Region& region, uint32_t shard) noexcept {
  return shard <= region.shards ? stop_shard(region, shard, stop_word(region, shard)) : Status::out_of_range;
}

/** resume_shard(), or out_of_range. */
inline Status resume(const Region& region, uint32_t shard) noexcept {
  return shard <= region.shards ? resume_shard(region, shard, stop_word(region, shard)) : Status::out_of_range;
}

/** ok if the calling thread has stopped the shard, else not_owner; or out_of_range. */
inline Status owner_check(const Region& region, uint32_t shard) noexcept {
  if (shard > region.shards)
    return Status::out_of_range;
  return owns_shard(stop_word(region, shard)) ? Status::ok : Status::not_owner;
}

/** Runs `act` on a shard behind its lock. */
template <typename Act> Status locked(const Region& region, uint32_t shard, Act act) noexcept {
  return as_owner(region, shard, stop_word(region, shard), act);
}

/** Why a section's comparison failed. `none`: whatever it was, it is not so any more. */
enum class Obstacle : uint32_t { none, stopped, at_limit, corrupt };

/** `stopped`, unless the owner is dead: then the shard goes on. */
Obstacle stop_obstacle(const Region& region, uint32_t shard) noexcept;

/** What came of the attempts on this CPU's shard. */
enum class Attempted : uint32_t { done, at_limit, corrupt, elsewhere };

/**
 * Tries `section(here, words)` on this CPU's shard, and asks `look(shard)` for the Obstacle where a comparison failed;
 * `elsewhere` if it is the overflow shard's turn.
 */
template <typename Look, typename Section>
Attempted attempt(const Region& region, Look look, Section section) noexcept {
  for (uint32_t tries = 0; tries < kAttempts; tries++) {
    const Here place = here(region.index);
    if (place.index >= region.section_shards)
      break;
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
} // namespace rseq

#endif // RSEQ_PERCPU_STOPPED_SHARD_H
