#include "remote.h"

#include "../rseq/membarrier.h"
#include "../rseq/thread.h"
#include "owner_thread.h"

#include <ctime>
#include <sched.h>

namespace rseq {
namespace {

constexpr uint32_t kLeaseShift = 32;
constexpr uint32_t kLeaseMask = 0x7fffffff;

/** Turns of waiting with the CPU given away; after them the thread sleeps between two looks. */
constexpr uint32_t kYields = 64;
constexpr long kSleepNs = 50000;

/**
 * Whether sections load what they load in the order that they are written in. Elsewhere one may have loaded
 * the count before the owner changed it, and the stop word after it was cleared: a second fence ends those.
 */
#if defined(__x86_64__)
constexpr bool kLoadsInOrder = true;
#else
constexpr bool kLoadsInOrder = false;
#endif

/** How many shards the calling thread owns: a word with its number says so truly only if there is one. */
thread_local uint32_t owned = 0;

uint64_t now_ms() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1000000;
}

/** Whether the owner in the word is dead, or its lease has ended. Owners are of this process: so far do fences reach.
 */
bool is_abandoned(uint64_t word) noexcept {
  const uint32_t lease = static_cast<uint32_t>(word >> kLeaseShift) & kLeaseMask;
  if (lease != 0) {
    const uint32_t left = (lease - static_cast<uint32_t>(now_ms())) & kLeaseMask;
    return left == 0 || left > kLeaseMs;
  }
  const auto thread = static_cast<uint32_t>(word);
  // No thread has such an id: something has written over the word.
  return static_cast<int32_t>(thread) <= 0 || is_gone(thread);
}

/** Sequentially consistent: whoever owns a shard comes after all that its last owner did, in one order with the fences.
 */
bool exchange_owner(uint64_t* word, uint64_t& expected, uint64_t desired) noexcept {
  return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

bool is_fenced(const Region& region, uint32_t shard) noexcept {
  return region.writers == Writers::sections && shard < region.shards;
}

/** A concurrency id cannot be named to the kernel: then all CPUs are fenced. */
bool fence(const Region& region, uint32_t shard) noexcept {
  return membarrier::fence(region.index == Index::cpu_id ? shard : membarrier::kAllCpus);
}

void wait_a_turn(uint32_t turn) noexcept {
  if (turn < kYields) {
    sched_yield();
    return;
  }
  const timespec moment = {0, kSleepNs};
  nanosleep(&moment, nullptr);
}

} // namespace

Status stop_shard(const Region& region, uint32_t shard, uint64_t* word) noexcept {
  const uint64_t me = this_thread();
  uint64_t deadline = 0;
  uint64_t seen = 0;
  for (uint32_t turn = 0; !exchange_owner(word, seen, me); turn++) {
    if (seen == me && owned != 0)
      return Status::held_already;
    if (is_abandoned(seen) || seen == me) {
      if (exchange_owner(word, seen, me))
        break;
    }
    if (deadline == 0)
      deadline = now_ms() + kStopPatienceMs;
    else if (now_ms() > deadline)
      return Status::contended;
    wait_a_turn(turn);
    seen = 0;
  }
  if (is_fenced(region, shard) && !fence(region, shard)) {
    __atomic_store_n(word, 0, __ATOMIC_RELEASE);
    return Status::unfenceable;
  }
  owned++;
  return Status::ok;
}

Status resume_shard(const Region& region, uint32_t shard, uint64_t* word) noexcept {
  if (owned == 0)
    return Status::not_owner;
  // Whatever is in the word by now: something may have written over it, and must not stop the CPU for ever.
  if (!kLoadsInOrder && is_fenced(region, shard))
    fence(region, shard);
  owned--;
  __atomic_store_n(word, 0, __ATOMIC_RELEASE);
  return Status::ok;
}

bool resume_abandoned(const Region& region, uint32_t shard, uint64_t* word) noexcept {
  uint64_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);
  if (seen == 0)
    return true;
  if (!is_abandoned(seen) || !exchange_owner(word, seen, this_thread()))
    return false;
  owned++;
  resume_shard(region, shard, word);
  return true;
}

bool owns_shard(const uint64_t* word) noexcept {
  return owned != 0 && __atomic_load_n(word, __ATOMIC_RELAXED) == this_thread();
}

uint32_t shard_of_atomics(const Region& region) noexcept {
  if (region.writers != Writers::atomics)
    return region.shards;
  const uint32_t index = here(Index::cpu_id).index;
  return index < region.shards ? index : region.shards;
}

} // namespace rseq
