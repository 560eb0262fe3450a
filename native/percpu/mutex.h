/**
 * @file
 * A mutex between the threads of one process, or of the processes of a service (service.h), in a region of its own.
 *
 * To lock and unlock a free mutex takes one compare-and-swap and one store, without a system call. A thread that finds
 * the mutex locked waits inside a section (load_spin_store). If the section aborts, the waiter has lost its CPU,
 * perhaps to the owner, and sleeps on a futex at once.
 */
#ifndef RSEQ_PERCPU_MUTEX_H
#define RSEQ_PERCPU_MUTEX_H

#include "lock_words.h"
#include "region.h"

namespace percpu {

/**
 * One thread's state for a mutex, in private memory. Only the thread that opened the seat may use it.
 */
struct MutexSeat {
  LockWords* words; ///< In shard 0. The overflow shard is not used.
  LockSelf self;
  Held held; ///< Whether the thread holds the mutex by this seat.
};

/**
 * Opens a seat at the mutex in `region`, which is of Kind::mutex and must outlive the seat.
 * @return RegionError::geometry if the region is too short for a mutex; owners if no more threads, or processes of the
 * service, can own something.
 */
RegionError mutex_open(const Region& region, MutexSeat& seat) noexcept;

/**
 * Ends the seat when its thread ends. If the seat holds the mutex, it releases it, and the next owner gets owner_died.
 */
void mutex_close(MutexSeat& seat) noexcept;

/**
 * Ends the seat while its thread runs on, after the program has lost it. If the seat holds the mutex, the mutex stays
 * locked until the thread ends.
 */
void mutex_forget(MutexSeat& seat) noexcept;

namespace detail {
/** Returns why the mutex is not free; locks it if its owner has ended. */
Status mutex_try_lock_slow(MutexSeat& seat, uint64_t seen) noexcept;
/** Takes a seat of the parent's over in a forked child. False if no more threads can own something. */
bool mutex_after_fork(MutexSeat& seat) noexcept;
} // namespace detail

/**
 * Locks the mutex if it is free. Wait-free. Acquire order: it sees what the last owner stored.
 * @return ok; owner_died: locked, but its last owner ended while it held the mutex; busy; held_already: by this thread.
 */
inline Status mutex_try_lock(MutexSeat& seat) noexcept {
  if (is_of_parent(seat.self) && !detail::mutex_after_fork(seat))
    return Status::busy;
  uint64_t seen = kLockFree;
  if (__builtin_expect(__atomic_compare_exchange_n(&seat.words->state, &seen, seat.self.name, false, __ATOMIC_ACQUIRE,
                                                   __ATOMIC_RELAXED),
                       true)) {
    seat.held = seat.self.taken;
    return Status::ok;
  }
  return detail::mutex_try_lock_slow(seat, seen);
}

/**
 * Waits for the mutex, first inside a section, then asleep. Waits at most `milliseconds`, and at most kLockSliceMs, so
 * that a thread that is being terminated returns to its runtime. At the end it locks the mutex if its owner has ended;
 * with 0 milliseconds it does nothing else.
 * @return as mutex_try_lock(); busy at the end of the time.
 */
Status mutex_wait(MutexSeat& seat, uint32_t milliseconds) noexcept;

/**
 * Unlocks the mutex. Release order.
 * @return as lock_release(); not_owner: not held by this seat.
 */
inline Status mutex_unlock(MutexSeat& seat) noexcept {
  if (is_of_parent(seat.self))
    detail::mutex_after_fork(seat);
  const Held held = seat.held;
  if (__builtin_expect(held == Held::no, false))
    return Status::not_owner;
  seat.held = Held::no;
  return lock_release(*seat.words, seat.self, held);
}

/** lock_announce_js() for a task of the seat's thread. */
void mutex_announce_js(MutexSeat& seat) noexcept;

} // namespace percpu

#endif // RSEQ_PERCPU_MUTEX_H
