#include "remote.h"

#include "../rseq/clocks.h"
#include "../rseq/membarrier.h"
#include "owner.h"
#include "service.h"

#include <ctime>
#include <sched.h>

namespace percpu {
namespace {

/** How often a waiter yields its CPU; after that it sleeps between two looks. */
constexpr uint32_t kYields = 64;
constexpr long kSleepNs = 50000;

/**
 * Whether the CPU executes the loads of a section in program order. If not, a section may load the count before the
 * owner changes it, and the stop word after the owner clears it: a second fence aborts such sections.
 */
#if defined(__x86_64__)
constexpr bool kLoadsInOrder = true;
#else
constexpr bool kLoadsInOrder = false;
#endif

/** How many shards the calling thread owns. If it is 0, a word with the thread's number was overwritten. */
thread_local uint32_t owned = 0;
/** See set_stop_patience(). */
thread_local uint32_t stop_patience_ms = kStopPatienceMs;

/** Sequentially consistent: a new owner sees all stores of the last one, in one order with the fences. */
bool exchange_owner(uint64_t* word, uint64_t& expected, uint64_t desired) noexcept {
  // An owner gives back by N and takes by O, which order what owners store one after the other.
  // Barrier N: pairs with O in native/percpu/remote.cc.
  // Barrier O: pairs with N in native/percpu/remote.cc.
  return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

bool is_fenced(const Region& region, uint32_t shard) noexcept {
  return region.writers == Writers::sections && shard != region.shards;
}

/** The calling thread as an owner in the region's memory. */
uint64_t owner_in(const Region& region) noexcept {
  const uint64_t self = this_owner();
  return region.service == 0 ? self : name_in_service(region.service, self);
}

Life life_in(const Region& region, uint64_t word) noexcept {
  return region.service == 0 ? owner_life(word) : life_in_service(region.service, word);
}

/** Fences the CPU of a shard; all CPUs if concurrency ids number the shards, as the kernel cannot fence one of these.
 */
bool fence(const Region& region, uint32_t shard) noexcept {
  const uint32_t cpu = region.index == Index::cpu_id && shard != kEveryShard ? shard : membarrier::kAllCpus;
  if (region.service == 0)
    return membarrier::fence(cpu);
  return membarrier::fence_by_visiting(cpu) || fence_by_asking(region.service, cpu, stop_patience_ms);
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

void set_stop_patience(uint32_t milliseconds) noexcept {
  stop_patience_ms = milliseconds;
}

bool may_wait() noexcept {
  return stop_patience_ms != 0;
}

Status stop_shard(const Region& region, uint32_t shard, uint64_t* word) noexcept {
  const uint64_t me = owner_in(region);
  if (me == kNobody)
    return Status::contended;
  if (stop_patience_ms == 0 && is_fenced(region, shard))
    return owns_shard(region, word) ? Status::held_already : Status::busy;
  uint64_t deadline = 0;
  uint64_t seen = kNobody;
  bool is_taken_over = false;
  for (uint32_t turn = 0; !exchange_owner(word, seen, me); turn++) {
    if (seen == me && owned != 0)
      return Status::held_already;
    // If only a lease can tell whether the owner lives, a stop word always has one. A word without a lease was
    // overwritten.
    is_taken_over = (seen == me || life_in(region, seen) != Life::alive) && exchange_owner(word, seen, me);
    if (is_taken_over)
      break;
    if (stop_patience_ms == 0)
      return Status::busy;
    if (deadline == 0)
      deadline = monotonic_ms() + stop_patience_ms;
    else if (monotonic_ms() > deadline)
      return Status::contended;
    wait_a_turn(turn);
    seen = kNobody;
  }
  // Barrier D: pairs with C in native/percpu/stopped_shard.h.
  if (is_fenced(region, shard) && !fence(region, shard)) {
    seen = me;
    // What an owner left that has ended still needs its fence.
    exchange_owner(word, seen, is_taken_over ? kUnfenced : kNobody);
    return Status::unfenceable;
  }
  owned++;
  if (region.service != 0)
    note_owned(word);
  return Status::ok;
}

Status detail::resume_stopped(const Region& region, uint32_t shard, uint64_t* word, bool needs_fence) noexcept {
  if (owned == 0)
    return Status::not_owner;
  // A section may have loaded a count before the owner's stores. Unless a fence aborts it, it must find the shard
  // stopped. Barrier E: pairs with C in native/percpu/stopped_shard.h.
  const bool is_safe = !needs_fence || !is_fenced(region, shard) || fence(region, shard);
  owned--;
  if (region.service != 0)
    drop_owned(word);
  // Clears only the word that stop_shard() wrote: if a program overwrote it, another owner may have taken the shard
  // over.
  uint64_t seen = owner_in(region);
  return exchange_owner(word, seen, is_safe ? kNobody : kUnfenced) ? Status::ok : Status::not_owner;
}

Status resume_shard(const Region& region, uint32_t shard, uint64_t* word) noexcept {
  return detail::resume_stopped(region, shard, word, !kLoadsInOrder);
}

bool resume_abandoned(const Region& region, uint32_t shard, uint64_t* word) noexcept {
  const uint64_t me = owner_in(region);
  uint64_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);
  if (seen == kNobody)
    return true;
  if (me == kNobody || life_in(region, seen) == Life::alive || !exchange_owner(word, seen, me))
    return false;
  owned++;
  return resume_shard(region, shard, word) == Status::ok && __atomic_load_n(word, __ATOMIC_RELAXED) != kUnfenced;
}

bool owns_shard(const Region& region, const uint64_t* word) noexcept {
  return owned != 0 && __atomic_load_n(word, __ATOMIC_RELAXED) == owner_in(region);
}

} // namespace percpu
