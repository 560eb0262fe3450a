#include "lock_words.h"

#include "../rseq/clocks.h"
#include "../rseq/membarrier.h"

#include <ctime>
#include <sys/syscall.h>
#include <unistd.h>

namespace percpu {
namespace {

// The kernel's FUTEX_WAIT, FUTEX_WAKE and FUTEX_PRIVATE_FLAG: a musl system may lack the header that has them.
constexpr int kFutexWait = 0;
constexpr int kFutexWake = 1;
constexpr int kFutexPrivate = 128;

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kNsPerSecond = 1'000'000'000;

/** Remembers whether a registration with membarrier succeeded: a process asks the kernel for it once. */
class AskedOnce {
public:
  /** @param to_register returns 0 if it has registered the process. */
  bool is_done(long (*to_register)() noexcept) noexcept {
    uint32_t answer = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (answer == unknown) {
      answer = to_register() == 0 ? yes : no;
      __atomic_store_n(&known, answer, __ATOMIC_RELAXED);
    }
    return answer == yes;
  }

private:
  enum : uint32_t { unknown, no, yes };
  uint32_t known = unknown;
};

/** Whether waiters can fence all threads that may hold the lock: of this process, or of all processes of a service. */
bool waiters_fence(uint32_t service) noexcept {
  static AskedOnce in_process, in_services;
  return service == 0 ? in_process.is_done(membarrier::register_private_expedited)
                      : in_services.is_done(membarrier::register_global);
}

/** A full fence in all threads that may hold the lock: either they see the caller's stores, or the caller sees theirs.
 */
void fence_all(uint32_t service) noexcept {
  // Barrier B: pairs with A in native/percpu/lock_words.h.
  if (!waiters_fence(service) || (service == 0 ? membarrier::private_fence() : membarrier::global_fence()) != 0)
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/** Futexes that processes share are found by their file, and the others, which is faster, by their address. */
int futex(int operation, uint32_t service) noexcept {
  return service == 0 ? operation | kFutexPrivate : operation;
}

/** Wakes up to `most` sleeping threads. The count comes first: a thread that is about to sleep does not sleep then. */
void wake(LockWords& words, const LockSelf& self, int most) noexcept {
  __atomic_fetch_add(&words.wakes, 1, __ATOMIC_SEQ_CST);
  syscall(SYS_futex, &words.wakes, futex(kFutexWake, self.service), most, nullptr, nullptr, 0);
}

/** Takes an announcement back. Returns whether there was one. */
bool take_back(uint32_t* announced) noexcept {
  return __atomic_load_n(announced, __ATOMIC_RELAXED) != 0 && __atomic_exchange_n(announced, 0, __ATOMIC_SEQ_CST) != 0;
}

} // namespace

LockSelf lock_self(uint32_t service) noexcept {
  LockSelf self = {};
  self.service = service;
  self.forks = process_forks();
  self.taken = waiters_fence(service) ? Held::lightly : Held::fenced;
  self.name = service == 0 ? this_owner() : name_in_service(service, this_owner());
  return self;
}

bool lock_self_after_fork(LockSelf& self) noexcept {
  const uint32_t before = self.forks;
  if (self.service != 0)
    self = lock_self(self.service);
  self.forks = self.name != kNobody ? process_forks() : before;
  return self.service != 0;
}

uint64_t now_ns() noexcept {
  return static_cast<uint64_t>(monotonic_ns());
}

uint64_t slice_end(uint32_t milliseconds) noexcept {
  return now_ns() + (milliseconds < kLockSliceMs ? milliseconds : kLockSliceMs) * kNsPerMs;
}

uint32_t lock_announce(LockWords& words, const LockSelf& self) noexcept {
  // Loads `wakes` before the announcement: whoever takes that back changes `wakes` afterwards, and ends the sleep.
  const uint32_t wakes = __atomic_load_n(&words.wakes, __ATOMIC_SEQ_CST);
  __atomic_store_n(&words.sleepers, 1, __ATOMIC_SEQ_CST);
  fence_all(self.service);
  return wakes;
}

void lock_sleep(LockWords& words, const LockSelf& self, uint32_t wakes, uint64_t deadline) noexcept {
  const uint64_t now = now_ns();
  if (now >= deadline)
    return;
  timespec time;
  time.tv_sec = static_cast<time_t>((deadline - now) / kNsPerSecond);
  time.tv_nsec = static_cast<long>((deadline - now) % kNsPerSecond);
  syscall(SYS_futex, &words.wakes, futex(kFutexWait, self.service), wakes, &time, nullptr, 0);
}

Status lock_wake(LockWords& words, const LockSelf& self) noexcept {
  // Wakes one sleeper. Until that thread runs and announces the others, running threads may lock without a system call.
  if (take_back(&words.sleepers))
    wake(words, self, 1);
  return take_back(&words.callers) ? Status::call : Status::ok;
}

void lock_pass_on(LockWords& words, const LockSelf& self) noexcept {
  wake(words, self, 1);
}

void lock_abandon(LockWords& words, const LockSelf& self) noexcept {
  uint64_t seen = self.name;
  if (__atomic_compare_exchange_n(&words.state, &seen, kLockOwnerDied, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
    wake(words, self, 1);
}

void lock_forget(LockWords& words, const LockSelf& self) noexcept {
  if (self.service != 0 && !is_of_parent(self))
    note_owned(&words.state);
}

namespace detail {

Status lock_release_fenced(LockWords& words, const LockSelf& self) noexcept {
  __atomic_store_n(&words.state, kLockFree, __ATOMIC_RELEASE);
  // Barrier A where the waiters have no membarrier.
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  return lock_wake(words, self);
}

} // namespace detail

void lock_announce_js(LockWords& words, const LockSelf& self) noexcept {
  __atomic_store_n(&words.callers, 1, __ATOMIC_SEQ_CST);
  fence_all(self.service);
}

} // namespace percpu
