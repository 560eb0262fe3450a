#include "mutex.h"

#include "../rseq/membarrier.h"
#include "../rseq/thread.h"

#include <cerrno>
#include <ctime>
#include <sys/syscall.h>
#include <unistd.h>

namespace rseq {
namespace {

/** Turns of the waiting section: some ten microseconds, about what a sleep and its end cost. */
constexpr uint64_t kSpins = 400;
/** Sections of one wait. Others may be quicker to take what became free, but not for ever. */
constexpr uint32_t kSpinRounds = 4;

constexpr uint64_t kNsPerMs = 1'000'000;

// The kernel's FUTEX_WAIT_PRIVATE and FUTEX_WAKE_PRIVATE: a musl system may lack the header that has them.
constexpr int kFutexWaitPrivate = 128;
constexpr int kFutexWakePrivate = 129;

uint64_t now_ns() noexcept {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

/** Whether waiters can fence all threads of the process. Asked once, or by several threads at once, who get the same.
 */
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

/** Sleeps while `*word` is `seen`, until woken or for about `ns`. */
void futex_wait(uint32_t* word, uint32_t seen, uint64_t ns) noexcept {
  timespec time;
  time.tv_sec = static_cast<time_t>(ns / 1'000'000'000u);
  time.tv_nsec = static_cast<long>(ns % 1'000'000'000u);
  syscall(SYS_futex, word, kFutexWaitPrivate, seen, &time, nullptr, 0);
}

/** Wakes one that sleeps; false if nobody does. */
bool futex_wake_one(uint32_t* word) noexcept {
  return syscall(SYS_futex, word, kFutexWakePrivate, 1, nullptr, nullptr, 0) > 0;
}

/** Whether the process has a thread of that id. When the system does not say, it has. */
bool is_alive(uint32_t thread) noexcept {
  if (thread - kMutexNameless < kMutexNamelessCount)
    return true;
  return syscall(SYS_tgkill, getpid(), static_cast<int>(thread), 0) == 0 || errno != ESRCH;
}

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
    uint32_t seen = kMutexFree;
    const Here place = here(Index::cpu_id);
    // A thread without rseq is at no CPU: it cannot notice, and sleeps.
    if (!is_registered(place.area))
      return Status::busy;
    const Outcome outcome = load_spin_store(place, &seat.words->state, kMutexFree, kSpins, &seen);
    if (outcome == Outcome::aborted)
      return Status::busy;
    if (outcome != Outcome::done)
      continue;
    if (seen != kMutexFree && seen != kMutexOwnerDied)
      return Status::busy;
    const Status status = mutex_try_lock(seat);
    if (status != Status::busy)
      return status;
  }
  return Status::busy;
}

Status sleep(MutexSeat& seat, uint64_t deadline) noexcept {
  MutexWords* words = seat.words;
  // Every waking is another thread's doing, and the time bounds them all.
  while (true) {
    // An owner that unlocks after this sees that one is to be woken; one that did before is seen here.
    fence_all();
    const Status status = mutex_try_lock(seat);
    if (status != Status::busy)
      return status;
    const uint32_t seen = __atomic_load_n(&words->state, __ATOMIC_RELAXED);
    const uint64_t now = now_ns();
    if (now >= deadline)
      return !is_alive(seen & ~kMutexOwnerDied) && take(seat, seen) ? Status::owner_died : Status::busy;
    if (seen != kMutexFree && seen != kMutexOwnerDied) {
      futex_wait(&words->state, seen, deadline - now);
      __atomic_store_n(&words->woken, 0, __ATOMIC_SEQ_CST);
    }
  }
}

} // namespace

RegionError mutex_open(const Region& region, MutexSeat& seat) noexcept {
  if (region.kind != Kind::mutex || region.length < kMutexLength)
    return RegionError::geometry;
  seat = {};
  seat.words = reinterpret_cast<MutexWords*>(region.first_shard);
  seat.self = static_cast<uint32_t>(syscall(SYS_gettid));
  seat.taken = waiters_fence() ? 1 : 2;
  return RegionError::none;
}

void mutex_close(MutexSeat& seat) noexcept {
  for (; seat.waiting > 0; seat.waiting--)
    __atomic_fetch_sub(&seat.words->callers, 1, __ATOMIC_RELAXED);
  if (seat.held == 0)
    return;
  seat.held = 0;
  // Who waits in JavaScript cannot be called from here, and looks by itself.
  __atomic_store_n(&seat.words->state, kMutexOwnerDied, __ATOMIC_RELEASE);
  futex_wake_one(&seat.words->state);
}

namespace detail {

Status mutex_try_lock_slow(MutexSeat& seat, uint32_t seen) noexcept {
  if (seen == kMutexOwnerDied)
    return take(seat, seen) ? Status::owner_died : Status::busy;
  return seen == seat.self ? Status::held_already : Status::busy;
}

Status mutex_wake(MutexSeat& seat) noexcept {
  MutexWords* words = seat.words;
  // One at a time. Until that one runs, whoever is running may have the mutex without any system call.
  if (__atomic_load_n(&words->sleepers, __ATOMIC_RELAXED) != 0 &&
      __atomic_load_n(&words->woken, __ATOMIC_RELAXED) == 0 &&
      __atomic_exchange_n(&words->woken, 1, __ATOMIC_SEQ_CST) == 0 && !futex_wake_one(&words->state))
    __atomic_store_n(&words->woken, 0, __ATOMIC_RELEASE);
  return __atomic_load_n(&words->callers, __ATOMIC_RELAXED) != 0 ? Status::call : Status::ok;
}

Status mutex_unlock_slow(MutexSeat& seat, uint32_t held) noexcept {
  if (held == 0)
    return Status::not_owner;
  seat.held = 0;
  __atomic_store_n(&seat.words->state, kMutexFree, __ATOMIC_RELEASE);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  return mutex_wake(seat);
}

} // namespace detail

Status mutex_wait(MutexSeat& seat, uint32_t milliseconds) noexcept {
  Status status = mutex_try_lock(seat);
  if (status != Status::busy)
    return status;
  status = spin(seat);
  if (status != Status::busy)
    return status;
  const uint32_t slice = milliseconds < kMutexSliceMs ? milliseconds : kMutexSliceMs;
  const uint64_t deadline = now_ns() + slice * kNsPerMs;
  __atomic_fetch_add(&seat.words->sleepers, 1, __ATOMIC_SEQ_CST);
  status = sleep(seat, deadline);
  __atomic_fetch_sub(&seat.words->sleepers, 1, __ATOMIC_RELAXED);
  return status;
}

void mutex_call_me(MutexSeat& seat, bool in) noexcept {
  seat.waiting += in ? 1 : -1;
  __atomic_fetch_add(&seat.words->callers, in ? 1u : UINT32_MAX, __ATOMIC_SEQ_CST);
  if (in)
    fence_all();
}

} // namespace rseq
