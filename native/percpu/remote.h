/**
 * @file
 * Stops the shard of another CPU, so that one thread owns it, and resumes it.
 *
 * A shard that can be stopped has a stop word: 0, or the owner of the shard. Every section on the shard loads it first,
 * and leaves if it is not 0. A thread that wants the shard writes its owner number into the word by compare-and-swap,
 * which keeps out other owners, and fences the shard's CPU, which aborts the sections that saw 0. Then only that thread
 * uses the shard. A shard that no section writes (the overflow shard, and all shards of a region written by atomics)
 * needs no fence: there the stop word is an ordinary lock.
 *
 * An owner may die: a Worker is terminated in the middle of the JavaScript that it runs as an owner. The word says
 * which thread owns the shard (owner.h). Once that owner has ended, the next thread that wants the shard takes it over.
 * An owner on the portable backend also has a lease, which counts where nothing else tells whether its thread lives.
 *
 * In memory that processes share, an owner of another process lives as long as that process (service.h). A thread that
 * ends gives up what it owns there, as only its own process knows of its end. A fence there is a visit
 * to the CPU, as membarrier reaches the threads of the caller's process only; where the thread may not run on that CPU,
 * each process is asked to fence itself (fence_rows.h). What a dead process ran needs no fence.
 *
 * All functions are thread-safe. Any thread can overwrite the word: every value of it leads to a status.
 */
#ifndef RSEQ_PERCPU_REMOTE_H
#define RSEQ_PERCPU_REMOTE_H

#include "owner.h"
#include "region.h"
#include "status.h"

namespace percpu {

/** How long stop_shard() waits for a live owner by default, in milliseconds. */
constexpr uint32_t kStopPatienceMs = 10000;

/**
 * How long stop_shard() waits on the calling thread for an owner that lives: kStopPatienceMs at first. With 0, it
 * answers busy at once, and neither waits nor fences: for threads that run JavaScript, whose operations V8 calls
 * directly.
 */
void set_stop_patience(uint32_t milliseconds) noexcept;

/** Whether the calling thread has patience: it may wait, fence, and take its time. */
bool may_wait() noexcept;

/**
 * A stop word without an owner: the last one could not make the second fence of resume_shard(), as a visit to the CPU
 * failed. The word counts as an owner that has ended, so the next thread that takes it fences the CPU. The threads on
 * that CPU itself can always do so. Until then the overflow shard serves the CPU.
 */
constexpr uint64_t kUnfenced = kOwnerDied;

/** Instead of a shard's number: the word stops the shards of all CPUs, as all their sections check it. */
constexpr uint32_t kEveryShard = UINT32_MAX;

/**
 * Makes the calling thread the owner of a shard: waits for a live owner, as long as set_stop_patience() allows, and
 * takes over from one that has ended. The thread sees what earlier owners stored. Takes some microseconds for a CPU's
 * shard, for the fence.
 * @param shard up to and with region.shards, the overflow shard; or kEveryShard.
 * @param word the shard's stop word.
 * @return ok; contended: another owner kept the shard, or no more threads can own something; busy: the thread has no
 *     patience for the necessary wait or fence; held_already: this thread owns the shard; unfenceable: the CPU cannot
 * be fenced. The shard is not stopped unless the result is ok.
 */
Status stop_shard(const Region& region, uint32_t shard, uint64_t* word) noexcept;

/**
 * Resumes a shard that the calling thread owns; call it once for each stop_shard(). Later sections and owners see what
 * the thread stored. If a fence is necessary and the CPU cannot be fenced any more, the word becomes kUnfenced.
 * @return ok: the thread no longer owns the shard; not_owner: the word no longer names the thread, and stays unchanged.
 */
Status resume_shard(const Region& region, uint32_t shard, uint64_t* word) noexcept;

namespace detail {
/** resume_shard(), with or without the fence that CPUs need which load out of order. */
Status resume_stopped(const Region& region, uint32_t shard, uint64_t* word, bool needs_fence) noexcept;
} // namespace detail

/** Resumes a shard whose owner has ended. False if the shard is still stopped. */
bool resume_abandoned(const Region& region, uint32_t shard, uint64_t* word) noexcept;

/** Whether the calling thread owns the shard of this stop word of the region's. */
bool owns_shard(const Region& region, const uint64_t* word) noexcept;

/**
 * Runs `act()` while the calling thread owns the shard: because it already does, or only for this call. Returns the
 * Status of `act()` or of stop_shard().
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

} // namespace percpu

#endif // RSEQ_PERCPU_REMOTE_H
