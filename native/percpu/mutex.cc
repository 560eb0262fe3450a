#include "mutex.h"

#include "../rseq/thread.h"
#include "owner_thread.h"

namespace rseq {
namespace {

/** Turns of the waiting section: some ten microseconds, about what a sleep and its end cost. */
constexpr uint64_t kSpins = 400;
/** Sections of one wait. Others may be quicker to take what became free, but not for ever. */
constexpr uint32_t kSpinRounds = 4;

/** Takes the mutex from `seen`, if it is that still. */
bool take(MutexSeat& seat, uint32_t seen) noexcept {
  if (!__atomic_compare_exchange_n(&seat.words->state, &seen, seat.self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    return false;
  seat.held = seat.taken;
  return true;
}

/** Waits as long as that is cheaper than to sleep: not at all where this thread just lost its CPU. */
Status spin(MutexSeat& seat) noexcept {
  for (uint32_t round = 0; round < kSpinRounds; round++) {
    uint32_t seen = kLockFree;
    const Here place = here(Index::cpu_id);
    // A thread without rseq is at no CPU: it cannot notice, and sleeps.
    if (!is_registered(place.area))
      return Status::busy;
    const Outcome outcome = load_spin_store(place, &seat.words->state, kLockFree, kSpins, &seen);
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
  seat.self = this_thread();
  seat.taken = held_by_taking();
  return RegionError::none;
}

void mutex_close(MutexSeat& seat) noexcept {
  while (seat.waiting != 0)
    mutex_call_me(seat, false);
  if (seat.held == Held::no)
    return;
  seat.held = Held::no;
  lock_abandon(*seat.words);
}

namespace detail {

Status mutex_try_lock_slow(MutexSeat& seat, uint32_t seen) noexcept {
  if (seen == kLockOwnerDied)
    return take(seat, seen) ? Status::owner_died : Status::busy;
  return seen == seat.self ? Status::held_already : Status::busy;
}

} // namespace detail

Status mutex_wait(MutexSeat& seat, uint32_t milliseconds) noexcept {
  Status status = mutex_try_lock(seat);
  if (status == Status::busy)
    status = spin(seat);
  if (status != Status::busy)
    return status;
  const uint64_t deadline = slice_end(milliseconds);
  Sleeper sleeper(*seat.words);
  // Every waking is another thread's doing, and the time bounds them all.
  while (true) {
    status = mutex_try_lock(seat);
    if (status != Status::busy)
      return status;
    const uint32_t seen = __atomic_load_n(&seat.words->state, __ATOMIC_RELAXED);
    if (now_ns() >= deadline)
      return !is_alive(seen & ~kLockOwnerDied) && take(seat, seen) ? Status::owner_died : Status::busy;
    if (!is_free(seen))
      sleeper.sleep(seen, deadline);
  }
}

void mutex_call_me(MutexSeat& seat, bool in) noexcept {
  seat.waiting += in ? 1u : UINT32_MAX;
  lock_call_me(*seat.words, in);
}

} // namespace rseq
