/**
 * @file
 * The words of a lock between threads of one process, or of the processes of a service: one that names the owner, and
 * those of the waiters. mutex.h and cpu_lock.h lock the word in their own ways.
 *
 * Only the waiters pay for the order between "I am waiting" and "it is free": they run membarrier before they sleep, so
 * the owner's store and load need no fence (docs/protocols/unlock.md).
 *
 * No word counts waiters: a process may be killed while it waits, and nobody would count its threads out. Instead, a
 * waiter announces each sleep anew. An unlock takes the announcement back and wakes one sleeper, and that one announces
 * the others when it goes on. What a killed waiter had announced costs one unlock a system call; if it was woken for
 * the others, they look again after their slice.
 *
 * Any thread can overwrite the words. Overwritten words may admit two threads or keep out all threads, but no sleep is
 * longer than kLockSliceMs, and an owner that does not exist counts as ended.
 */
#ifndef RSEQ_PERCPU_LOCK_WORDS_H
#define RSEQ_PERCPU_LOCK_WORDS_H

#include "owner.h"
#include "service.h"
#include "status.h"

#include <cstdint>

namespace percpu {

/** A lock in shared memory, all 0 when new. src/core/layout.ts has this layout, too. */
struct LockWords {
  uint64_t state;    ///< 0: free. kLockOwnerDied: free, but its last owner ended. Else the owner: see owner.h.
  uint32_t wakes;    ///< How often a sleeper was woken, modulo 2^32: the futex of the sleepers.
  uint32_t sleepers; ///< Not 0: threads sleep, or are about to, until `wakes` changes.
  uint32_t callers;  ///< Not 0: tasks in JavaScript wait, or are about to, for a change of `calls`.
  uint32_t calls;    ///< How often an unlock called one of these tasks, modulo 2^32.
};

constexpr uint64_t kLockFree = kNobody;
constexpr uint64_t kLockOwnerDied = kOwnerDied;
/** Words of 8 bytes that a lock takes. */
constexpr uint32_t kLockLength = 3;
static_assert(sizeof(LockWords) == sizeof(uint64_t) * kLockLength);
/** The longest sleep, in milliseconds. Then the thread looks at the lock again. */
constexpr uint32_t kLockSliceMs = 50;

/** A thread's note on a lock; 0 if it does not hold the lock. */
enum class Held : uint8_t {
  no = 0,
  lightly = 1, ///< Unlocking needs no fence, as the waiters fence all threads.
  fenced = 2,  ///< Unlocking needs a fence, as the kernel has no membarrier for the waiters.
};

/** One thread's identity at the locks of a region, in private memory. */
struct LockSelf {
  uint64_t name;    ///< The thread as an owner in the region's memory: what it writes into LockWords::state.
  uint32_t service; ///< The service whose processes share the memory (service.h); 0 if none do.
  uint32_t forks;   ///< process_forks() when `name` was made.
  Held taken;       ///< The note for a lock that the thread holds.
};

/**
 * Makes the calling thread's identity at the locks of a region. The first call in a process registers the process for
 * membarrier, which may take milliseconds. `name` is kNobody if no more threads or processes can own something.
 */
LockSelf lock_self(uint32_t service) noexcept;

/**
 * Whether the process was forked since the identity was made. In shared memory that is the parent's identity then, and
 * the child must not use it. One load.
 */
inline bool is_of_parent(const LockSelf& self) noexcept {
  return __builtin_expect(self.forks != process_forks(), false);
}

/**
 * Makes an identity of the parent's that of the calling thread. In memory of one process it stays as it is, as the
 * child has a copy of the locks. Where no more processes can own something, it remains the parent's, without a name.
 * @return whether the identity is another one now, which holds nothing.
 */
bool lock_self_after_fork(LockSelf& self) noexcept;

inline bool is_free(uint64_t state) noexcept {
  return state == kLockFree || state == kLockOwnerDied;
}

/** Whether an owner in the memory of these locks lives. */
inline Life lock_owner_life(const LockSelf& self, uint64_t owner) noexcept {
  return self.service == 0 ? owner_life(owner) : life_in_service(self.service, owner);
}

/** Whether a lock is held by an owner that has ended, and the calling thread may take it over. */
inline bool is_left_behind(const LockSelf& self, uint64_t state) noexcept {
  return self.name != kNobody && !is_free(state) && lock_owner_life(self, state) == Life::ended;
}

/** The half of a lock's state that is 0 if and only if the lock is free and its last owner released it. */
inline uint32_t* lock_low_half(LockWords& words) noexcept {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  return reinterpret_cast<uint32_t*>(&words.state);
}

/** The clock of all deadlines here: CLOCK_MONOTONIC. */
uint64_t now_ns() noexcept;

/** The end of a wait that begins now, in nanoseconds: in `milliseconds`, or in kLockSliceMs if that is sooner. */
uint64_t slice_end(uint32_t milliseconds) noexcept;

/**
 * Announces that the calling thread is about to sleep, and that others may sleep. After this call, the thread looks at
 * the state, and sleeps only if the lock is not free. @return the argument for lock_sleep().
 */
uint32_t lock_announce(LockWords& words, const LockSelf& self) noexcept;

/** Sleeps until somebody is woken after lock_announce() returned `wakes`, or until `deadline`. */
void lock_sleep(LockWords& words, const LockSelf& self, uint32_t wakes, uint64_t deadline) noexcept;

/** Wakes whoever has announced to wait. @return ok; call: a task in JavaScript must be woken, too. */
Status lock_wake(LockWords& words, const LockSelf& self) noexcept;

/** Wakes another sleeper. For a thread that was woken, but does not need the lock. */
void lock_pass_on(LockWords& words, const LockSelf& self) noexcept;

/**
 * Releases a lock at the end of its owner, if that still holds it: the next owner gets owner_died. It wakes no task in
 * JavaScript; such tasks look again after some time.
 */
void lock_abandon(LockWords& words, const LockSelf& self) noexcept;

/** Notes, in memory that processes share, that the lock is to be given up when the calling thread, its owner, ends. */
void lock_forget(LockWords& words, const LockSelf& self) noexcept;

namespace detail {
/** lock_release() for Held::fenced. */
Status lock_release_fenced(LockWords& words, const LockSelf& self) noexcept;
} // namespace detail

/**
 * Releases a lock that the calling thread holds. Release order. No system call, unless a thread sleeps.
 * @return ok; call: released, and the caller must wake a task that waits in JavaScript.
 */
inline Status lock_release(LockWords& words, const LockSelf& self, Held held) noexcept {
  if (__builtin_expect(held != Held::lightly, false))
    return detail::lock_release_fenced(words, self);
  __atomic_store_n(&words.state, kLockFree, __ATOMIC_RELEASE);
  // Barrier A: pairs with B in native/percpu/lock_words.cc. The waiters' membarrier is a full fence here; the compiler
  // has to keep the order, too.
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  const bool waited_for =
      (__atomic_load_n(&words.sleepers, __ATOMIC_RELAXED) | __atomic_load_n(&words.callers, __ATOMIC_RELAXED)) != 0;
  return __builtin_expect(waited_for, false) ? lock_wake(words, self) : Status::ok;
}

/**
 * Announces that a task is about to wait in JavaScript for a change of LockWords::calls, which it has read before: the
 * next unlock returns call. After this call, the task looks at the state.
 */
void lock_announce_js(LockWords& words, const LockSelf& self) noexcept;

} // namespace percpu

#endif // RSEQ_PERCPU_LOCK_WORDS_H
