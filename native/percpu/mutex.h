/**
 * @file
 * A mutex between the threads of one process, in a region of its own.
 *
 * Taking and giving back a free one is one compare-and-swap and one store, without a system call. Who
 * finds it taken waits inside a section (load_spin_store): if that is aborted, the waiter itself lost its CPU,
 * perhaps to the owner, and sleeps on a futex at once instead of waiting on.
 *
 * Only the waiters pay for the order between "I am waiting" and "it is free": they run membarrier
 * before they sleep, and so the owner's store and load need no fence (docs/memory-ordering.md).
 *
 * The words are as untrusted as all of a region. Overwritten, they may let two threads in or keep all
 * out; but no sleep is longer than kMutexSliceMs, and an owner that does not exist is taken for dead.
 */
#ifndef RSEQ_PERCPU_MUTEX_H
#define RSEQ_PERCPU_MUTEX_H

#include "region.h"
#include "status.h"

namespace rseq {

/** Shard 0 of a mutex's region. src/layout.ts has the same. Nobody uses its overflow shard. */
struct MutexWords {
  uint32_t state;    ///< 0: free. kMutexOwnerDied: free, but its last owner ended. Else the owner's thread id.
  uint32_t woken;    ///< 1 while a sleeper that was woken has not got its CPU yet: then none else is woken.
  uint32_t sleepers; ///< Threads that are to be woken by the futex `state`.
  uint32_t callers;  ///< Waiters in JavaScript, who wait for `calls` to change.
  uint32_t calls;    ///< How often one of them was called, modulo 2^32.
};

constexpr uint32_t kMutexFree = 0;
constexpr uint32_t kMutexOwnerDied = 1u << 31;
/** What threads call themselves that cannot know their id, and so many more: nobody knows whether they live. */
constexpr uint32_t kMutexNameless = 1u << 30;
constexpr uint32_t kMutexNamelessCount = 1u << 20;
/** Words of 8 bytes that the region has. */
constexpr uint32_t kMutexLength = 3;
/** The longest that a sleeping thread goes without a look. */
constexpr uint32_t kMutexSliceMs = 50;

/**
 * One thread's way to a mutex: memory of the process's own. Only the thread that opened it uses it.
 */
struct MutexSeat {
  MutexWords* words;
  uint32_t self;   ///< The thread's id, as the kernel numbers them.
  uint32_t held;   ///< Whether the thread has the mutex by this seat: 1 where unlocking needs no fence, else 2.
  uint32_t taken;  ///< What `held` becomes.
  int32_t waiting; ///< How many of the callers are this seat's.
};

/**
 * A seat at the mutex in `region`, which is of Kind::mutex and lives longer. The first one of a process
 * registers it for membarrier, which may take milliseconds.
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
/** Wakes whoever waits. */
Status mutex_wake(MutexSeat& seat) noexcept;
/** The same behind a full fence, for a seat whose `held` was 2, or 0: then nothing is done. */
Status mutex_unlock_slow(MutexSeat& seat, uint32_t held) noexcept;
} // namespace detail

/**
 * Takes the mutex if it is free. Wait-free; acquires what the last owner released.
 * @return ok; owner_died: taken, but its last owner ended with it; busy; held_already: by this thread.
 */
inline Status mutex_try_lock(MutexSeat& seat) noexcept {
  uint32_t seen = kMutexFree;
  if (__builtin_expect(
          __atomic_compare_exchange_n(&seat.words->state, &seen, seat.self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED),
          true)) {
    seat.held = seat.taken;
    return Status::ok;
  }
  return detail::mutex_try_lock_slow(seat, seen);
}

/**
 * Waits for the mutex, for at most `milliseconds` and kMutexSliceMs: a thread that is to be terminated
 * must come back to its runtime. First inside a section, then asleep. When the time is over, it looks whether
 * the owner is a thread at all, and takes the mutex from one that is not.
 * @return as mutex_try_lock(); busy when the time is over.
 */
Status mutex_wait(MutexSeat& seat, uint32_t milliseconds) noexcept;

/**
 * Gives the mutex back. Releases what the owner wrote. No system call, unless someone waits.
 * @return ok; call: the same, and the caller is to wake a waiter in JavaScript; not_owner: not held by this seat.
 */
inline Status mutex_unlock(MutexSeat& seat) noexcept {
  const uint32_t held = seat.held;
  if (__builtin_expect(held != 1, false))
    return detail::mutex_unlock_slow(seat, held);
  seat.held = 0;
  MutexWords* words = seat.words;
  __atomic_store_n(&words->state, kMutexFree, __ATOMIC_RELEASE);
  // The waiters' membarrier stands for a full fence here; the compiler has to keep the order, too.
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  const bool waited_for =
      (__atomic_load_n(&words->sleepers, __ATOMIC_RELAXED) | __atomic_load_n(&words->callers, __ATOMIC_RELAXED)) != 0;
  return __builtin_expect(waited_for, false) ? detail::mutex_wake(seat) : Status::ok;
}

/** Counts a waiter in JavaScript in, or one out: those that are in, each unlock tells by Status::call. */
void mutex_call_me(MutexSeat& seat, bool in) noexcept;

} // namespace rseq

#endif // RSEQ_PERCPU_MUTEX_H
