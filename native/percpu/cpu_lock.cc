#include "cpu_lock.h"

#include <cstdlib>
#include <sched.h>

namespace percpu {
namespace {

/** How often a lock is tried by a section: see kAttempts of counters. */
constexpr uint32_t kLockAttempts = 8;
/**
 * How often a waiter yields its CPU before it sleeps. A thread that finds this CPU's lock held has most likely
 * preempted the owner.
 */
constexpr uint32_t kYieldsBeforeSleep = 2;

/** Notes that this seat holds the lock of `shard`, whose state was `seen`. */
Status taken(CpuLockSeat& seat, uint32_t shard, uint64_t seen) noexcept {
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
  seat.held[shard] = seat.self.taken;
  return seen == kLockFree ? Status::ok : Status::owner_died;
}

/** The shard for threads and regions without sections. A thread that stays on its CPU always gets one shard. */
uint32_t shard_by_atomics(const CpuLockSeat& seat) noexcept {
  const uint32_t index = here(Index::cpu_id).index;
  return seat.by_atomics && index < seat.shards ? index : seat.shards;
}

/** Locks `shard` if its state is `seen`: by a section on its CPU, or by compare-and-swap if there are no sections. */
bool take(const CpuLockSeat& seat, uint32_t shard, uint64_t seen) noexcept {
  if (shard < seat.section_shards) {
    const Here place = here(Index::cpu_id);
    return place.index == shard && detail::cpu_lock_take_here(seat, place, seen) == Outcome::done;
  }
  return __atomic_compare_exchange_n(&cpu_lock_words(seat, shard).state, &seen, seat.self.name, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED);
}

/** Tries once to lock `shard`. Sets `again` if the state changed meanwhile, so that another try may succeed. */
Status try_shard(CpuLockSeat& seat, uint32_t shard, bool& again) noexcept {
  const uint64_t seen = __atomic_load_n(&cpu_lock_words(seat, shard).state, __ATOMIC_RELAXED);
  again = is_free(seen);
  if (again && take(seat, shard, seen))
    return taken(seat, shard, seen);
  return seen == seat.self.name ? Status::held_already : Status::busy;
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
  seat.self = lock_self(region.service);
  if (seat.self.name == kNobody)
    return RegionError::owners;
  seat.held = static_cast<Held*>(calloc(static_cast<size_t>(region.shards) + 1, sizeof(Held)));
  return seat.held != nullptr ? RegionError::none : RegionError::no_memory;
}

void cpu_lock_close(CpuLockSeat& seat) noexcept {
  for (uint32_t shard = 0; shard <= seat.shards && !is_of_parent(seat.self); shard++)
    if (seat.held[shard] != Held::no)
      lock_abandon(cpu_lock_words(seat, shard), seat.self);
  free(seat.held);
  seat.held = nullptr;
}

void cpu_lock_forget(CpuLockSeat& seat) noexcept {
  for (uint32_t shard = 0; shard <= seat.shards; shard++)
    if (seat.held[shard] != Held::no)
      lock_forget(cpu_lock_words(seat, shard), seat.self);
  free(seat.held);
  seat.held = nullptr;
}

namespace detail {

bool cpu_lock_after_fork(CpuLockSeat& seat) noexcept {
  if (lock_self_after_fork(seat.self))
    for (uint32_t shard = 0; shard <= seat.shards; shard++)
      seat.held[shard] = Held::no;
  return seat.self.name != kNobody;
}

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
  // Each turn follows an unlock by another thread or a move of this one. The deadline bounds all turns.
  while (status == Status::busy) {
    const uint32_t at = shard;
    LockWords& words = cpu_lock_words(seat, at);
    const uint32_t wakes = lock_announce(words, seat.self);
    status = cpu_lock_try(seat, shard);
    // Who woke this thread meant it to have the lock `at`. It needs another one: wake another sleeper.
    if (shard != at)
      lock_pass_on(words, seat.self);
    if (status != Status::busy)
      break;
    const uint64_t seen = __atomic_load_n(&words.state, __ATOMIC_RELAXED);
    if (now_ns() >= deadline) {
      if (shard != at || !is_left_behind(seat.self, seen) || !take(seat, at, seen))
        break;
      return taken(seat, at, seen);
    }
    if (shard == at && !is_free(seen))
      lock_sleep(words, seat.self, wakes, deadline);
  }
  return status;
}

} // namespace percpu
