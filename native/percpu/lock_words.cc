#include "lock_words.h"

#include "../rseq/membarrier.h"
#include "owner_thread.h"

#include <ctime>
#include <sys/syscall.h>
#include <unistd.h>

namespace rseq {
namespace {

// The kernel's FUTEX_WAIT_PRIVATE and FUTEX_WAKE_PRIVATE: a musl system may lack the header that has them.
constexpr int kFutexWaitPrivate = 128;
constexpr int kFutexWakePrivate = 129;

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kNsPerSecond = 1'000'000'000;

/** Whether waiters can fence all threads of the process. Asked once, or at once by several threads. */
bool waiters_fence() noexcept {
  enum : uint32_t { unknown, no, yes };
  static uint32_t known = unknown;
  uint32_t answer = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (answer == unknown) {
    answer = membarrier::register_private_expedited() == 0 ? yes : no;
    __atomic_store_n(&known, answer, __ATOMIC_RELAXED);
  }
  return answer == yes;
}

/** From here on, every thread sees what this one wrote before, or has shown what it wrote itself. */
void fence_all() noexcept {
  if (!waiters_fence() || membarrier::private_fence() != 0)
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/** Wakes one that sleeps; false if nobody does. */
bool futex_wake_one(uint32_t* word) noexcept {
  return syscall(SYS_futex, word, kFutexWakePrivate, 1, nullptr, nullptr, 0) > 0;
}

} // namespace

Held held_by_taking() noexcept {
  return waiters_fence() ? Held::lightly : Held::fenced;
}

bool is_alive(uint32_t owner) noexcept {
  return owner - kLockNameless < kLockNamelessCount || !is_gone(owner);
}

uint64_t now_ns() noexcept {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * kNsPerSecond + static_cast<uint64_t>(t.tv_nsec);
}

uint64_t slice_end(uint32_t milliseconds) noexcept {
  return now_ns() + (milliseconds < kLockSliceMs ? milliseconds : kLockSliceMs) * kNsPerMs;
}

Sleeper::Sleeper(LockWords& at) noexcept : words(at) {
  __atomic_fetch_add(&words.sleepers, 1, __ATOMIC_SEQ_CST);
  fence_all();
}

Sleeper::~Sleeper() {
  __atomic_fetch_sub(&words.sleepers, 1, __ATOMIC_RELAXED);
}

void Sleeper::sleep(uint32_t seen, uint64_t deadline) noexcept {
  const uint64_t now = now_ns();
  if (now >= deadline)
    return;
  timespec time;
  time.tv_sec = static_cast<time_t>((deadline - now) / kNsPerSecond);
  time.tv_nsec = static_cast<long>((deadline - now) % kNsPerSecond);
  syscall(SYS_futex, &words.state, kFutexWaitPrivate, seen, &time, nullptr, 0);
  // An owner that unlocks after this sees that one is to be woken; one that did before is seen by the next look.
  __atomic_store_n(&words.woken, 0, __ATOMIC_SEQ_CST);
  fence_all();
}

Status lock_wake(LockWords& words) noexcept {
  // One at a time. Until that one runs, whoever is running may have the lock without any system call.
  if (__atomic_load_n(&words.sleepers, __ATOMIC_RELAXED) != 0 && __atomic_load_n(&words.woken, __ATOMIC_RELAXED) == 0 &&
      __atomic_exchange_n(&words.woken, 1, __ATOMIC_SEQ_CST) == 0 && !futex_wake_one(&words.state))
    __atomic_store_n(&words.woken, 0, __ATOMIC_RELEASE);
  return __atomic_load_n(&words.callers, __ATOMIC_RELAXED) != 0 ? Status::call : Status::ok;
}

void lock_pass_on(LockWords& words) noexcept {
  if (__atomic_load_n(&words.sleepers, __ATOMIC_RELAXED) != 0 &&
      is_free(__atomic_load_n(&words.state, __ATOMIC_RELAXED)))
    futex_wake_one(&words.state);
}

void lock_abandon(LockWords& words) noexcept {
  __atomic_store_n(&words.state, kLockOwnerDied, __ATOMIC_RELEASE);
  futex_wake_one(&words.state);
}

namespace detail {

Status lock_release_fenced(LockWords& words) noexcept {
  __atomic_store_n(&words.state, kLockFree, __ATOMIC_RELEASE);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  return lock_wake(words);
}

} // namespace detail

void lock_call_me(LockWords& words, bool in) noexcept {
  __atomic_fetch_add(&words.callers, in ? 1u : UINT32_MAX, __ATOMIC_SEQ_CST);
  if (in)
    fence_all();
}

} // namespace rseq
