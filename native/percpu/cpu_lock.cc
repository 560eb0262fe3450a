#include "cpu_lock.h"

#include "owner_thread.h"

#include <cstdlib>
#include <sched.h>

namespace rseq {
namespace {

/** How often a lock is tried by a section: see kAttempts of counters. */
constexpr uint32_t kLockAttempts = 8;
/**
 * How often a waiter lets others run before it sleeps. Who finds this CPU's lock taken has most likely
 * preempted its owner.
 */
constexpr uint32_t kYieldsBeforeSleep = 2;

/** What a try makes of the lock's words, with the state that they had. */
Status taken(CpuLockSeat& seat, uint32_t shard, uint32_t seen) noexcept {
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
  seat.held[shard] = seat.taken;
  return seen == kLockFree ? Status::ok : Status::owner_died;
}

/** The shard for threads and regions without sections, always the same for a thread on one CPU. */
uint32_t shard_by_atomics(const CpuLockSeat& seat) noexcept {
  const uint32_t index = here(Index::cpu_id).index;
  return seat.by_atomics && index < seat.shards ? index : seat.shards;
}

/** Takes `shard`, if its state is `seen`: by a section on its CPU, or by compare-and-swap where there are none. */
bool take(const CpuLockSeat& seat, uint32_t shard, uint32_t seen) noexcept {
  if (shard < seat.section_shards) {
    const Here place = here(Index::cpu_id);
    return place.index == shard && detail::cpu_lock_take_here(seat, place, seen) == Outcome::done;
  }
  return __atomic_compare_exchange_n(&cpu_lock_words(seat, shard).state, &seen, seat.self, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED);
}

/** One try at `shard`. `again` says that it may be tried once more, and not why it is not free. */
Status try_shard(CpuLockSeat& seat, uint32_t shard, bool& again) noexcept {
  const uint32_t seen = __atomic_load_n(&cpu_lock_words(seat, shard).state, __ATOMIC_RELAXED);
  again = is_free(seen);
  if (again && take(seat, shard, seen))
    return taken(seat, shard, seen);
  return seen == seat.self ? Status::held_already : Status::busy;
}

} // namespace

RegionError cpu_lock_open(const Region& region, CpuLockSeat& seat) noexcept {
  if (region.kind != Kind::cpu_lock || region.length < kLockLength || region.index != Index::cpu_id)
    return RegionError::geometry;
  seat = {};
  seat.first_shard = region.first_shard;
  seat.stride = region.stride;
  seat.shards = region.shards;
  seat.section_shards = region.section_shards;
  seat.by_atomics = region.writers == Writers::atomics;
  seat.self = this_thread();
  seat.taken = held_by_taking();
  seat.held = static_cast<Held*>(calloc(static_cast<size_t>(region.shards) + 1, sizeof(Held)));
  if (seat.held == nullptr)
    abort(); // As `new` does here: see native/addon/allocation.cc.
  return RegionError::none;
}

void cpu_lock_close(CpuLockSeat& seat) noexcept {
  for (uint32_t shard = 0; shard <= seat.shards; shard++)
    if (seat.held[shard] != Held::no)
      lock_abandon(cpu_lock_words(seat, shard));
  free(seat.held);
  seat.held = nullptr;
}

namespace detail {

Status cpu_lock_try_slow(CpuLockSeat& seat, uint32_t& shard) noexcept {
  bool again = true;
  for (uint32_t attempt = 0; attempt < kLockAttempts; attempt++) {
    shard = here(Index::cpu_id).index;
    if (shard >= seat.section_shards)
      break;
    const Status status = try_shard(seat, shard, again);
    if (status != Status::busy || !again)
      return status;
  }
  shard = shard_by_atomics(seat);
  return try_shard(seat, shard, again);
}

} // namespace detail

Status cpu_lock_wait(CpuLockSeat& seat, uint32_t milliseconds, uint32_t& shard) noexcept {
  Status status = cpu_lock_try(seat, shard);
  for (uint32_t i = 0; i < kYieldsBeforeSleep && status == Status::busy && milliseconds != 0; i++) {
    sched_yield();
    status = cpu_lock_try(seat, shard);
  }
  const uint64_t deadline = slice_end(milliseconds);
  // Every turn is another thread's doing, or a move; and the time bounds them all.
  while (status == Status::busy) {
    const uint32_t asleep_at = shard;
    LockWords& words = cpu_lock_words(seat, asleep_at);
    Sleeper sleeper(words);
    status = cpu_lock_try(seat, shard);
    if (status != Status::busy)
      break;
    const uint32_t seen = __atomic_load_n(&words.state, __ATOMIC_RELAXED);
    if (now_ns() >= deadline) {
      if (!is_free(seen) && !is_alive(seen & ~kLockOwnerDied) && take(seat, asleep_at, seen)) {
        shard = asleep_at;
        return taken(seat, shard, seen);
      }
      return Status::busy;
    }
    if (!is_free(seen))
      sleeper.sleep(seen, deadline);
    status = cpu_lock_try(seat, shard);
    // Woken for that lock, the thread has another one now: then someone else is to have it.
    if (shard != asleep_at)
      lock_pass_on(words);
  }
  return status;
}

} // namespace rseq
