#include "team.h"

#include <atomic>
#include <csignal>
#include <ctime>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace percpu::stress {
namespace {

std::atomic<uint64_t> signals{0};

/** Periodic SIGUSR1 to the thread that made it, while it lives. */
class Timer {
public:
  explicit Timer(uint32_t microseconds) {
    sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGUSR1;
    event._sigev_un._tid = static_cast<int>(syscall(SYS_gettid));
    made = microseconds != 0 && syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id) == 0;
    if (!made)
      return;
    itimerspec period = {};
    period.it_value.tv_nsec = period.it_interval.tv_nsec = static_cast<long>(microseconds % 1'000'000) * 1000;
    period.it_value.tv_sec = period.it_interval.tv_sec = microseconds / 1'000'000;
    syscall(SYS_timer_settime, id, 0, &period, nullptr);
  }
  ~Timer() {
    if (made)
      syscall(SYS_timer_delete, id);
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

private:
  int id = 0; // The kernel's.
  bool made;
};

} // namespace

void catch_disturbing_signal() {
  struct sigaction action = {};
  // Another thread gets this CPU now, and may work on what the interrupted section was about.
  action.sa_handler = [](int) {
    signals.fetch_add(1, std::memory_order_relaxed);
    sched_yield();
  };
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
}

uint64_t signals_seen() {
  return signals;
}

Counts run_team(const Options& options, uint32_t shards, bool armed, Structure& structure) {
  std::vector<std::thread> threads;
  std::vector<Counts> counts(options.threads);
  pthread_barrier_t start, end;
  pthread_barrier_init(&start, nullptr, options.threads + 1);
  pthread_barrier_init(&end, nullptr, options.threads + 1);
  const auto body = [&](uint32_t number) {
    const bool registered = number < options.threads - options.unregistered;
    if (registered)
      attach();
    Worker worker(options, number, shards, armed);
    pthread_barrier_wait(&start); // All have looked up their areas: the control may replace them.
    pthread_barrier_wait(&start);
    {
      const Timer timer(options.timer_us);
      for (; worker.counts.steps < options.repetitions; worker.counts.steps++)
        structure.step(worker);
    }
    pthread_barrier_wait(&end);
    pthread_barrier_wait(&end);
    counts[number] = worker.counts;
    if (registered)
      detach();
  };
  for (uint32_t number = 0; number < options.threads; number++)
    threads.emplace_back(body, number);
  pthread_barrier_wait(&start);
  if (!armed)
    use_fake_areas(true);
  pthread_barrier_wait(&start);
  pthread_barrier_wait(&end);
  if (!armed)
    use_fake_areas(false);
  pthread_barrier_wait(&end);
  Counts total;
  for (uint32_t number = 0; number < options.threads; number++) {
    threads[number].join();
    total += counts[number];
  }
  pthread_barrier_destroy(&start);
  pthread_barrier_destroy(&end);
  return total;
}

} // namespace percpu::stress
