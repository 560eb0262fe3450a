#include "verify.h"

#include "clocks.h"
#include "glibc_floor.h"
#include "thread.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id // The kernel's name and musl's; glibc has none.
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace percpu {
namespace {

constexpr uint32_t kSignals = 8;
/** At most so many sections wait for a signal: a preemption before the signal makes a try useless. */
constexpr uint32_t kSignalTries = 64;
/** The timer's first delay. Short, as a busy machine preempts a thread after a millisecond or two; doubled for slow
 * ones. */
constexpr long kSignalAfterNs = 250'000;
/** After so many doublings, the delay begins again at kSignalAfterNs. */
constexpr uint32_t kSignalDoublings = 4;
/** Length of a section that waits for its signal: far longer than the signal takes. */
constexpr uint64_t kSignalSectionNs = 60'000'000;
/** Length of a section that must be preempted: longer than a usual time slice (3 to 10 ms). */
constexpr uint64_t kPreemptionSectionNs = 20'000'000;
constexpr uint32_t kPreemptionAborts = 6;
constexpr uint32_t kPreemptionTries = 60;
constexpr uint64_t kAdditionNs = 2'000;
constexpr int64_t kAdditions = 10'000;
/** Bounds the repetitions of one addition. About one abort in each time slice is expected. */
constexpr uint32_t kAdditionAttempts = 10'000;
/** Bounds every wait for the other thread, in nanoseconds. */
constexpr uint64_t kPatienceNs = 5'000'000'000;

uint64_t clock_ns() noexcept {
  return static_cast<uint64_t>(monotonic_ns());
}

/** The state that the two threads share. Each word under test has a cache line of its own. */
struct Trial {
  alignas(128) int64_t counter = 0;
  alignas(128) int64_t plain = 0;
  alignas(128) uint32_t arrived = 0;
  uint32_t finished_phases = 0;
  uint32_t preemption_tries = 0;
  uint32_t preemption_aborts = 0;
  uint64_t addition_aborts = 0;
  int64_t additions = 0;
  int64_t plain_additions = 0;
  uint32_t cpu = 0;
  uint64_t spins_per_ms = 1;
  uint32_t error = 0; ///< A VerifyError; an integer for the atomic builtins.
  int system_error = 0;
};

void fail(Trial& trial, VerifyError error, int system_error) noexcept {
  __atomic_store_n(&trial.system_error, system_error, __ATOMIC_RELAXED);
  __atomic_store_n(&trial.error, static_cast<uint32_t>(error), __ATOMIC_RELAXED);
}

/** The calling thread's place, also while sections are not allowed before this test has passed. */
Here untested_here() noexcept {
  Area* area = detail::untested_area();
  return {area, __atomic_load_n(&area->cpu_id, __ATOMIC_RELAXED), Index::cpu_id};
}

/** Runs one section that adds 1 to `*word`, and spins for `spins` turns inside. */
Outcome spin_section(int64_t* word, uint32_t* entered, uint64_t spins) noexcept {
  return load_store_spin_add_store(untested_here(), word, 1, entered, spins);
}

uint64_t spins_for(const Trial& trial, uint64_t ns) noexcept {
  return trial.spins_per_ms * ns / 1'000'000;
}

/** How fast the section's loop runs: the fastest of several runs, as a preemption makes a run look slow. */
uint64_t measure_spins_per_ms() noexcept {
  constexpr uint64_t kMeasuredSpins = 200'000;
  uint64_t best = 1;
  for (int repetition = 0; repetition < 10; repetition++) {
    int64_t word = 0;
    uint32_t entered = 0;
    const uint64_t begin = clock_ns();
    const Outcome outcome = spin_section(&word, &entered, kMeasuredSpins);
    const uint64_t elapsed = clock_ns() - begin;
    if (outcome == Outcome::done && elapsed > 0) {
      const uint64_t rate = kMeasuredSpins * 1'000'000 / elapsed;
      best = rate > best ? rate : best;
    }
  }
  return best;
}

// --- signals ---

/** Written by the handler on the thread that runs the section. */
uint32_t* volatile signal_entered = nullptr;
volatile sig_atomic_t signals_inside = 0;

void on_signal(int) {
  if (signal_entered != nullptr && __atomic_load_n(signal_entered, __ATOMIC_RELAXED) != 0)
    signals_inside = signals_inside + 1;
}

/** A real-time signal that this process does not handle, or 0 if there is none. */
int free_signal() noexcept {
  for (int number = SIGRTMAX; number > SIGRTMIN; number--) {
    struct sigaction action;
    if (sigaction(number, nullptr, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL)
      return number;
  }
  return 0;
}

/**
 * Interrupts sections of the calling thread with a timer of its own. The clock interrupt of this CPU sends the signal,
 * so no other thread has to preempt this one.
 */
void verify_signals(Trial& trial, Verification& seen) noexcept {
  const int number = free_signal();
  if (number == 0)
    return fail(trial, VerifyError::no_signal, 0);
  struct sigaction action = {}, before;
  action.sa_handler = on_signal;
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = number;
  event.sigev_notify_thread_id = static_cast<int>(syscall(SYS_gettid));
  int timer = 0; // The kernel's timer id; timer_create itself would need a newer glibc.
  sigaction(number, &action, &before);
  sigprocmask(SIG_UNBLOCK, &only, nullptr);
  if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) != 0) {
    fail(trial, VerifyError::no_signal, errno);
  } else {
    for (uint32_t tries = 0; tries < kSignalTries && seen.signals < kSignals; tries++) {
      int64_t word = 0;
      uint32_t entered = 0;
      signals_inside = 0;
      signal_entered = &entered;
      itimerspec when = {};
      when.it_value.tv_nsec = kSignalAfterNs << (tries % (kSignalDoublings + 1));
      syscall(SYS_timer_settime, timer, 0, &when, nullptr);
      const Outcome outcome = spin_section(&word, &entered, spins_for(trial, kSignalSectionNs));
      when.it_value.tv_nsec = 0;
      syscall(SYS_timer_settime, timer, 0, &when, nullptr);
      signal_entered = nullptr;
      if (signals_inside != 0) {
        seen.signals++;
        seen.signal_aborts += outcome == Outcome::aborted;
      }
    }
    syscall(SYS_timer_delete, timer);
  }
  sigaction(number, &before, nullptr);
}

// --- preemption and totals ---

/** Waits until both threads have reached meeting number `meeting`; false if the other thread does not come in time. */
bool meet(Trial& trial, uint32_t meeting) noexcept {
  __atomic_fetch_add(&trial.arrived, 1, __ATOMIC_ACQ_REL);
  const uint64_t begin = clock_ns();
  while (__atomic_load_n(&trial.arrived, __ATOMIC_ACQUIRE) < 2 * meeting) {
    if (clock_ns() - begin > kPatienceNs)
      return false;
    sched_yield();
  }
  return true;
}

/** Runs sections that are longer than a time slice, while the other thread is runnable on this CPU. */
void be_preempted(Trial& trial) noexcept {
  while (__atomic_load_n(&trial.preemption_aborts, __ATOMIC_RELAXED) < kPreemptionAborts &&
         __atomic_fetch_add(&trial.preemption_tries, 1, __ATOMIC_RELAXED) < kPreemptionTries) {
    int64_t word = 0;
    uint32_t entered = 0;
    if (spin_section(&word, &entered, spins_for(trial, kPreemptionSectionNs)) == Outcome::aborted)
      __atomic_fetch_add(&trial.preemption_aborts, 1, __ATOMIC_RELAXED);
  }
}

void add_with_sections(Trial& trial) noexcept {
  const uint64_t spins = spins_for(trial, kAdditionNs);
  uint32_t entered = 0;
  for (int64_t i = 0; i < kAdditions; i++) {
    for (uint32_t attempt = 0; attempt < kAdditionAttempts; attempt++) {
      const Outcome outcome = spin_section(&trial.counter, &entered, spins);
      if (outcome == Outcome::done) {
        __atomic_fetch_add(&trial.additions, 1, __ATOMIC_RELAXED);
        break;
      }
      if (outcome == Outcome::aborted)
        __atomic_fetch_add(&trial.addition_aborts, 1, __ATOMIC_RELAXED);
    }
  }
}

/** The control: the steps of add_with_sections() without a section. */
void add_without_sections(Trial& trial) noexcept {
  const uint64_t spins = spins_for(trial, kAdditionNs);
  for (int64_t i = 0; i < kAdditions; i++) {
    const int64_t value = __atomic_load_n(&trial.plain, __ATOMIC_RELAXED);
    for (uint64_t spin = 0; spin < spins; spin++)
      __asm__ volatile("" ::: "memory");
    __atomic_store_n(&trial.plain, value + 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&trial.plain_additions, 1, __ATOMIC_RELAXED);
  }
}

void* contender(void* argument) {
  Trial& trial = *static_cast<Trial*>(argument);
  const Owner owner = detail::attach_untested().owner;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(trial.cpu, &one);
  if (owner == Owner::none)
    fail(trial, VerifyError::not_registered, 0);
  else if (sched_setaffinity(0, sizeof(one), &one) != 0)
    fail(trial, VerifyError::no_pin, errno);
  // Meet even after a failure, so that the other thread does not wait for kPatienceNs.
  const bool together = meet(trial, 1) && __atomic_load_n(&trial.error, __ATOMIC_RELAXED) == 0;
  if (together) {
    be_preempted(trial);
    add_with_sections(trial);
    if (meet(trial, 2))
      add_without_sections(trial);
  }
  if (owner != Owner::none)
    detach();
  return nullptr;
}

Verification run() noexcept {
  Verification seen = {};
  const Here place = untested_here();
  if (!is_registered(place.area)) {
    seen.error = VerifyError::not_registered;
    return seen;
  }
  Trial trial;
  trial.cpu = place.index;
  trial.spins_per_ms = measure_spins_per_ms();
  verify_signals(trial, seen);

  pthread_t threads[2];
  int made = 0;
  for (pthread_t& thread : threads) {
    const int error = trial.error == 0 ? pthread_create(&thread, nullptr, contender, &trial) : -1;
    if (error > 0)
      fail(trial, VerifyError::no_thread, error);
    if (error != 0)
      break;
    made++;
  }
  for (int i = 0; i < made; i++)
    pthread_join(threads[i], nullptr);

  seen.error = static_cast<VerifyError>(trial.error);
  seen.system_error = trial.system_error;
  seen.cpu = trial.cpu;
  seen.preemption_aborts = trial.preemption_aborts;
  seen.preemption_tries = trial.preemption_tries < kPreemptionTries ? trial.preemption_tries : kPreemptionTries;
  seen.expected = trial.additions;
  seen.counted = trial.counter;
  seen.aborts = trial.addition_aborts;
  seen.control_expected = trial.plain_additions;
  seen.control_counted = trial.plain;
  return seen;
}

/** Serializes the self-tests of the process: the threads of one would preempt those of another. */
pthread_mutex_t test_lock = PTHREAD_MUTEX_INITIALIZER;
Verification last;
bool has_last = false;

} // namespace

namespace {

constexpr uint32_t kMinors = 1000;

/** Reads digits and moves `text` behind them; false if there are no digits, or the number is kMinors or more. */
bool parse_number(const char*& text, uint32_t& number) noexcept {
  const char* const begin = text;
  for (number = 0; *text >= '0' && *text <= '9' && number < kMinors; text++)
    number = 10 * number + static_cast<uint32_t>(*text - '0');
  return text != begin && number < kMinors;
}

/** "6.18.9" as 6 * kMinors + 18; 0 if the text does not begin with such a version. */
uint32_t parse_release(const char* text) noexcept {
  uint32_t major = 0, minor = 0;
  if (!parse_number(text, major) || *text++ != '.' || !parse_number(text, minor))
    return 0;
  return major * kMinors + minor;
}

} // namespace

bool passed(const Verification& seen) noexcept {
  return seen.error == VerifyError::none && seen.signals > 0 && seen.signal_aborts == seen.signals &&
         seen.preemption_aborts > 0 && seen.expected > 0 && seen.counted == seen.expected;
}

Verification verify(bool again) noexcept {
  pthread_mutex_lock(&test_lock);
  if (again || !has_last)
    last = run();
  has_last = true;
  const Verification seen = last;
  pthread_mutex_unlock(&test_lock);
  return seen;
}

bool needs_self_test(const char* machine, const char* release) noexcept {
  if (strncmp(machine, "aarch64", 7) != 0 && strncmp(machine, "arm", 3) != 0)
    return false;
  constexpr uint32_t kFirstWithSections = 4 * kMinors + 18, kFirstDoubtful = 6 * kMinors + 19;
  const uint32_t version = parse_release(release);
  return version < kFirstWithSections || version >= kFirstDoubtful;
}

} // namespace percpu
