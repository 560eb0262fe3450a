/**
 * @file
 * What a lock between threads of one process consists of: the word that says who has it, and those who
 * wait. How the word is taken is the lock's own business (mutex.h, cpu_lock.h).
 *
 * Only the waiters pay for the order between "I am waiting" and "it is free": they run membarrier
 * before they sleep, and so the owner's store and load need no fence (docs/memory-ordering.md).
 *
 * The words are as untrusted as all of a region. Overwritten, they may let two threads in or keep all
 * out; but no sleep is longer than kLockSliceMs, and an owner that does not exist is taken for dead.
 */
#ifndef RSEQ_PERCPU_LOCK_WORDS_H
#define RSEQ_PERCPU_LOCK_WORDS_H

#include "status.h"

#include <cstdint>

namespace rseq {

/** A lock in shared memory, all 0 when new. src/layout.ts has the same. */
struct LockWords {
  uint32_t state;    ///< 0: free. kLockOwnerDied: free, but its last owner ended. Else the owner's thread id.
  uint32_t zero;     ///< 0, so that a section may compare and store `state` as a word of 8 bytes.
  uint32_t woken;    ///< 1 while a sleeper that was woken has not got its CPU yet: then none else is woken.
  uint32_t sleepers; ///< Threads that are to be woken by the futex `state`.
  uint32_t callers;  ///< Waiters in JavaScript, who wait for `calls` to change.
  uint32_t calls;    ///< How often one of them was called, modulo 2^32.
};

constexpr uint32_t kLockFree = 0;
constexpr uint32_t kLockOwnerDied = 1u << 31;
/** What threads call themselves that cannot know their id, and so many more: nobody knows whether they live. */
constexpr uint32_t kLockNameless = 1u << 30;
constexpr uint32_t kLockNamelessCount = 1u << 20;
/** Words of 8 bytes that a lock takes. */
constexpr uint32_t kLockLength = 3;
static_assert(sizeof(LockWords) == sizeof(uint64_t) * kLockLength);
/** The longest that a sleeping thread goes without a look. */
constexpr uint32_t kLockSliceMs = 50;

/** What a thread notes of a lock that it has: 0 if it has it not. */
enum class Held : uint8_t {
  no = 0,
  lightly = 1, ///< Unlocking needs no fence, as the waiters make one.
  fenced = 2,  ///< Unlocking needs one: the kernel has no membarrier for the waiters.
};

/**
 * What a thread of this process has when it takes a lock. The first call of a process registers it for
 * membarrier, which may take milliseconds.
 */
Held held_by_taking() noexcept;

inline bool is_free(uint32_t state) noexcept {
  return state == kLockFree || state == kLockOwnerDied;
}

/** Whether the process has a thread of that id. When nobody can tell, it has. A system call. */
bool is_alive(uint32_t owner) noexcept;

/** The clock of all deadlines here: CLOCK_MONOTONIC. */
uint64_t now_ns() noexcept;

/** When a wait that begins now is over: in `milliseconds`, or in kLockSliceMs where that is sooner. */
uint64_t slice_end(uint32_t milliseconds) noexcept;

/** One sleeper, from its first look to its end: whoever unlocks meanwhile sees that somebody is to be woken. */
class Sleeper {
public:
  explicit Sleeper(LockWords& at) noexcept;
  ~Sleeper();
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  /**
   * Sleeps while the state is `seen`, until woken or until `deadline`. To be called after a look that came
   * after construction, or after the last sleep.
   */
  void sleep(uint32_t seen, uint64_t deadline) noexcept;

private:
  LockWords& words;
};

/** Wakes a sleeper, unless one is on its way. @return ok; call: JavaScript has to wake someone, too. */
Status lock_wake(LockWords& words) noexcept;

/** Wakes a sleeper if the lock is free: for one that was woken for it, and has no use for it. */
void lock_pass_on(LockWords& words) noexcept;

/** Gives a lock back at the owner's end: the next one is told. Who waits in JavaScript finds out by itself. */
void lock_abandon(LockWords& words) noexcept;

namespace detail {
/** lock_release() for a thread that has to fence. */
Status lock_release_fenced(LockWords& words) noexcept;
} // namespace detail

/**
 * Gives a lock back that the calling thread has. Releases what the owner wrote. No system call, unless someone sleeps.
 * @return ok; call: the same, and the caller is to wake a waiter in JavaScript.
 */
inline Status lock_release(LockWords& words, Held held) noexcept {
  if (__builtin_expect(held != Held::lightly, false))
    return detail::lock_release_fenced(words);
  __atomic_store_n(&words.state, kLockFree, __ATOMIC_RELEASE);
  // The waiters' membarrier stands for a full fence here; the compiler has to keep the order, too.
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  const bool waited_for =
      (__atomic_load_n(&words.sleepers, __ATOMIC_RELAXED) | __atomic_load_n(&words.callers, __ATOMIC_RELAXED)) != 0;
  return __builtin_expect(waited_for, false) ? lock_wake(words) : Status::ok;
}

/** Counts a waiter in JavaScript in, or one out: those that are in, each unlock tells by Status::call. */
void lock_call_me(LockWords& words, bool in) noexcept;

} // namespace rseq

#endif // RSEQ_PERCPU_LOCK_WORDS_H
