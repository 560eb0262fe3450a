#include "mutex.h"

#include "../rseq/thread.h"

namespace percpu {
namespace {

/** Turns of the waiting section: about ten microseconds, as long as a sleep and a wake-up take. */
constexpr uint64_t kSpins = 400;
/** Sections of one wait. Other threads may lock the free mutex first, so the number is bounded. */
constexpr uint32_t kSpinRounds = 4;

/** Locks the mutex if its state is still `seen`. */
bool take(MutexSeat& seat, uint64_t seen) noexcept {
  if (!__atomic_compare_exchange_n(&seat.words->state, &seen, seat.self.name, false, __ATOMIC_ACQUIRE,
                                   __ATOMIC_RELAXED))
    return false;
  seat.held = seat.self.taken;
  return true;
}

/** Spins as long as that is cheaper than to sleep. Stops at once if this thread loses its CPU. */
Status spin(MutexSeat& seat) noexcept {
  for (uint32_t round = 0; round < kSpinRounds; round++) {
    uint32_t seen = 0;
    const Here place = here(Index::cpu_id);
    // A thread without rseq cannot notice that it loses its CPU, so it sleeps.
    if (!is_registered(place.area))
      return Status::busy;
    const Outcome outcome = load_spin_store(place, lock_low_half(*seat.words), 0, kSpins, &seen);
    if (outcome == Outcome::aborted)
      return Status::busy;
    if (outcome != Outcome::done)
      continue;
    if (!is_free(seen))
      return Status::busy;
    const Status status = mutex_try_lock(seat);
    if (status != Status::busy)
      return status;
  }
  return Status::busy;
}

} // namespace

RegionError mutex_open(const Region& region, MutexSeat& seat) noexcept {
  if (region.kind != Kind::mutex || region.length < kLockLength)
    return RegionError::geometry;
  seat = {};
  seat.words = reinterpret_cast<LockWords*>(region.first_shard);
  seat.self = lock_self(region.service);
  return seat.self.name != kNobody ? RegionError::none : RegionError::owners;
}

void mutex_close(MutexSeat& seat) noexcept {
  if (!is_of_parent(seat.self) && seat.held != Held::no)
    lock_abandon(*seat.words, seat.self);
  seat.held = Held::no;
}

void mutex_forget(MutexSeat& seat) noexcept {
  if (seat.held != Held::no)
    lock_forget(*seat.words, seat.self);
  seat.held = Held::no;
}

namespace detail {

Status mutex_try_lock_slow(MutexSeat& seat, uint64_t seen) noexcept {
  if (seen == kLockOwnerDied)
    return take(seat, seen) ? Status::owner_died : Status::busy;
  return seen == seat.self.name ? Status::held_already : Status::busy;
}

bool mutex_after_fork(MutexSeat& seat) noexcept {
  if (lock_self_after_fork(seat.self))
    seat.held = Held::no;
  return seat.self.name != kNobody;
}

} // namespace detail

Status mutex_wait(MutexSeat& seat, uint32_t milliseconds) noexcept {
  Status status = mutex_try_lock(seat);
  if (status == Status::busy && milliseconds != 0)
    status = spin(seat);
  if (status != Status::busy)
    return status;
  LockWords& words = *seat.words;
  const uint64_t deadline = slice_end(milliseconds);
  // Another thread causes each wake-up, and the deadline bounds all of them.
  while (true) {
    const uint32_t wakes = milliseconds != 0 ? lock_announce(words, seat.self) : 0;
    status = mutex_try_lock(seat);
    if (status != Status::busy)
      return status;
    const uint64_t seen = __atomic_load_n(&words.state, __ATOMIC_RELAXED);
    if (now_ns() >= deadline)
      return is_left_behind(seat.self, seen) && take(seat, seen) ? Status::owner_died : Status::busy;
    if (!is_free(seen))
      lock_sleep(words, seat.self, wakes, deadline);
  }
}

void mutex_announce_js(MutexSeat& seat) noexcept {
  lock_announce_js(*seat.words, seat.self);
}

} // namespace percpu
