/**
 * @file
 * Another CPU's shard: stopped, owned by one thread, and let go.
 *
 * A shard that can be stopped has a stop word: 0, or who owns the shard. Every section on the shard loads it first,
 * and leaves if it is not 0. Who wants the shard puts itself into the word by compare-and-swap, which keeps other
 * owners out, and fences the shard's CPU, which ends the sections that saw no stop. From then on the shard is its
 * alone. A shard that no section writes (the overflow shard; every one where atomics write the region) needs no fence:
 * there the stop word is an ordinary lock.
 *
 * An owner may die: a Worker is terminated in the middle of the JavaScript that it runs as an owner. So the word
 * names the owner's kernel thread. Once this process has no such thread any more, the next who wants the shard takes it
 * over.
 * The portable backend cannot ask whether a thread lives; its owners hold a lease instead, which ends by itself.
 *
 *     bits  0 to 31  the owner: a kernel thread's id, or what the portable backend has instead
 *     bits 32 to 62  when the lease ends, in milliseconds of CLOCK_MONOTONIC; 0 for a kernel thread
 *
 * All functions are thread-safe. The word is anybody's memory: any value of it leads to a status.
 */
#ifndef RSEQ_PERCPU_REMOTE_H
#define RSEQ_PERCPU_REMOTE_H

#include "region.h"
#include "status.h"

namespace rseq {

/** The longest that a lease may run from now: one that ends later was never made by anybody. */
constexpr uint32_t kLeaseMs = 2000;
/** How long stop_shard() waits for an owner that lives. */
constexpr uint32_t kStopPatienceMs = 10000;

/**
 * Makes the calling thread the owner of a shard: waits for another owner, up to kStopPatienceMs, and takes over from a
 * dead one. What an owner before has stored is visible. Some microseconds for a CPU's shard, which is fenced.
 * @param shard up to and with region.shards, the overflow shard.
 * @param word the shard's stop word.
 * @return ok; contended: another owner would not let go; held_already: it is this thread; unfenceable: there is no
 *     way to fence the CPU. But for ok, nothing is stopped.
 */
Status stop_shard(const Region& region, uint32_t shard, uint64_t* word) noexcept;

/**
 * Lets go of a shard that the calling thread owns, once for each stop_shard(): what it stored is visible to sections
 * and owners from here on. Returns ok, or not_owner if the thread owns no shard at all.
 */
Status resume_shard(const Region& region, uint32_t shard, uint64_t* word) noexcept;

/** Lets a shard go whose owner is dead. False if it is stopped still. */
bool resume_abandoned(const Region& region, uint32_t shard, uint64_t* word) noexcept;

/** Whether the calling thread owns the shard of this stop word. */
bool owns_shard(const uint64_t* word) noexcept;

/**
 * Runs `act()`, which answers a Status, while the shard is the calling thread's alone: as it owns it already, and
 * is in between two calls on it, or for this alone. Answers as `act`, or as stop_shard().
 */
template <typename Act> Status as_owner(const Region& region, uint32_t shard, uint64_t* word, Act act) noexcept {
  Status status = stop_shard(region, shard, word);
  if (status == Status::held_already)
    return act();
  if (status != Status::ok)
    return status;
  status = act();
  resume_shard(region, shard, word);
  return status;
}

} // namespace rseq

#endif // RSEQ_PERCPU_REMOTE_H
