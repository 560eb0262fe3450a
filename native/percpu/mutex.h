/**
 * @file
 * A mutex between the threads of one process, in a region of its own.
 *
 * Taking and giving back a free one is one compare-and-swap and one store, without a system call. Who
 * finds it taken waits inside a section (load_spin_store): if that is aborted, the waiter itself lost its CPU,
 * perhaps to the owner, and sleeps on a futex at once instead of waiting on.
 */
#ifndef RSEQ_PERCPU_MUTEX_H
#define RSEQ_PERCPU_MUTEX_H

#include "lock_words.h"
#include "region.h"

namespace rseq {

/**
 * One thread's way to a mutex: memory of the process's own. Only the thread that opened it uses it.
 */
struct MutexSeat {
  LockWords* words; ///< In shard 0. Nobody uses the overflow shard.
  uint32_t self;    ///< lock_self().
  Held held;        ///< Whether the thread has the mutex by this seat.
  Held taken;       ///< What `held` becomes.
  uint32_t waiting; ///< How many of LockWords::callers are this seat's.
};

/**
 * A seat at the mutex in `region`, which is of Kind::mutex and lives longer.
 * @return RegionError::geometry if the region is too short for a mutex.
 */
RegionError mutex_open(const Region& region, MutexSeat& seat) noexcept;

/**
 * Gives the mutex back, if it is held by this seat, to a next owner who learns that this one ended.
 * For the thread's end; then the seat is not used any more.
 */
void mutex_close(MutexSeat& seat) noexcept;

namespace detail {
/** Why it is not free; takes it from an owner that died. */
Status mutex_try_lock_slow(MutexSeat& seat, uint32_t seen) noexcept;
} // namespace detail

/**
 * Takes the mutex if it is free. Wait-free; acquires what the last owner released.
 * @return ok; owner_died: taken, but its last owner ended with it; busy; held_already: by this thread.
 */
inline Status mutex_try_lock(MutexSeat& seat) noexcept {
  uint32_t seen = kLockFree;
  if (__builtin_expect(
          __atomic_compare_exchange_n(&seat.words->state, &seen, seat.self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED),
          true)) {
    seat.held = seat.taken;
    return Status::ok;
  }
  return detail::mutex_try_lock_slow(seat, seen);
}

/**
 * Waits for the mutex, for at most `milliseconds` and kLockSliceMs: a thread that is to be terminated
 * must come back to its runtime. First inside a section, then asleep. When the time is over, it looks whether
 * the owner is a thread at all, and takes the mutex from one that is not.
 * @return as mutex_try_lock(); busy when the time is over.
 */
Status mutex_wait(MutexSeat& seat, uint32_t milliseconds) noexcept;

/**
 * Gives the mutex back.
 * @return as lock_release(); not_owner: not held by this seat.
 */
inline Status mutex_unlock(MutexSeat& seat) noexcept {
  const Held held = seat.held;
  if (__builtin_expect(held == Held::no, false))
    return Status::not_owner;
  seat.held = Held::no;
  return lock_release(*seat.words, held);
}

/** Counts a waiter in JavaScript in, or one out: those that are in, each unlock tells by Status::call. */
void mutex_call_me(MutexSeat& seat, bool in) noexcept;

} // namespace rseq

#endif // RSEQ_PERCPU_MUTEX_H
