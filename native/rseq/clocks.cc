#include "clocks.h"

#include "ticks.h"

#include <ctime>
#include <pthread.h>

namespace percpu {
namespace {

/** How often sample_clocks() reads all clocks; it returns the quickest sample. */
constexpr int kSampleTries = 5;

pthread_mutex_t suspend_log_lock = PTHREAD_MUTEX_INITIALIZER;
SuspendLog suspend_log;

int64_t read_clock(clockid_t clock) noexcept {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

} // namespace

int64_t monotonic_ns() noexcept {
  return read_clock(CLOCK_MONOTONIC);
}

ClockSample sample_clocks() noexcept {
  ClockSample best = {};
  int64_t shortest = INT64_MAX;
  for (int i = 0; i < kSampleTries; i++) {
    const int64_t begin = read_clock(CLOCK_BOOTTIME);
    const uint64_t before = ticks();
    const int64_t monotonic = read_clock(CLOCK_MONOTONIC);
    const uint64_t after = ticks();
    const int64_t realtime = read_clock(CLOCK_REALTIME);
    const int64_t end = read_clock(CLOCK_BOOTTIME);
    if (end - begin < shortest) {
      shortest = end - begin;
      best = {before + (after - before) / 2, monotonic, begin + shortest / 2, realtime};
    }
  }
  return best;
}

void SuspendLog::note(int64_t monotonic, int64_t suspended) noexcept {
  if (count == 0) {
    entries[count++] = {INT64_MIN, suspended};
    noted = monotonic;
    return;
  }
  if (monotonic < noted)
    return;
  if (suspended - entries[count - 1].suspended > kClockSlackNs) {
    if (count == kEntries) {
      count = kEntries / 2;
      for (uint32_t i = 0; i < count; i++)
        entries[i] = entries[i + kEntries / 2];
    }
    entries[count++] = {noted, suspended};
  }
  noted = monotonic;
}

int64_t SuspendLog::at(int64_t monotonic) const noexcept {
  for (uint32_t i = count; i-- > 1;)
    if (entries[i].from <= monotonic)
      return entries[i].suspended;
  return entries[0].suspended;
}

void note_clocks(const ClockSample& sample) noexcept {
  pthread_mutex_lock(&suspend_log_lock);
  suspend_log.note(sample.monotonic, sample.suspended());
  pthread_mutex_unlock(&suspend_log_lock);
}

int64_t wall_ns(int64_t monotonic) noexcept {
  const ClockSample now = sample_clocks();
  pthread_mutex_lock(&suspend_log_lock);
  suspend_log.note(now.monotonic, now.suspended());
  const int64_t suspended = suspend_log.at(now.monotonic) - suspend_log.at(monotonic);
  pthread_mutex_unlock(&suspend_log_lock);
  // Unsigned arithmetic may wrap: `monotonic` may be any number.
  const uint64_t ago = static_cast<uint64_t>(now.monotonic) - static_cast<uint64_t>(monotonic);
  return static_cast<int64_t>(static_cast<uint64_t>(now.realtime) - ago - static_cast<uint64_t>(suspended));
}

} // namespace percpu
