#include "tick_clock.h"

#include "ticks.h"

#include <ctime>
#include <pthread.h>

namespace rseq {
namespace {

constexpr int64_t kSecond = 1000000000;
/** The least time from which a rate is taken: it is then right to a few hundred thousandths, at first. */
constexpr int64_t kLeastBaseNs = 1000000;
/** For how many times as long a rate is used as that from which it was taken; a second at most. */
constexpr double kTrust = 4;
/** Tries at reading both clocks at once: the quickest one counts. */
constexpr int kTries = 5;
/** Further away than this, in nanoseconds, are only stamps that something has written over. */
constexpr double kFar = 4e18;

/** The distance in ticks; before `from` it is below 0. */
double distance(uint64_t from, uint64_t to) noexcept {
  return static_cast<double>(static_cast<int64_t>(to - from));
}

double rate_between(const Moment& from, const Moment& to) noexcept {
  return static_cast<double>(to.nanoseconds - from.nanoseconds) / distance(from.ticks, to.ticks);
}

/** Both clocks, read within some nanoseconds of each other. */
Moment now_on_both() noexcept {
  Moment best = {};
  uint64_t shortest = UINT64_MAX;
  for (int i = 0; i < kTries; i++) {
    const uint64_t before = ticks();
    const int64_t nanoseconds = monotonic_ns();
    const uint64_t took = ticks() - before;
    if (took < shortest) {
      shortest = took;
      best = {before + took / 2, nanoseconds};
    }
  }
  return best;
}

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
TickClock process_clock;

} // namespace

int64_t monotonic_ns() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * kSecond + now.tv_nsec;
}

void TickClock::bend(Moment at, double rate) noexcept {
  if (count == kBends) {
    count = kBends / 2;
    for (uint32_t i = 0; i < count; i++)
      bends[i] = bends[i + kBends / 2];
  }
  bends[count++] = {at, rate};
}

void TickClock::look(Moment now) noexcept {
  if (!has_looked()) {
    last = now;
    return;
  }
  if (static_cast<int64_t>(now.ticks - last.ticks) <= 0 || now.nanoseconds <= last.nanoseconds || !is_due(now.ticks))
    return;
  const double rate = rate_between(last, now);
  if (count == 0) {
    bend(last, rate);
  } else {
    const Moment edge = {said_until, nanoseconds(said_until)};
    if (now.nanoseconds < edge.nanoseconds)
      now.nanoseconds = edge.nanoseconds;
    bend(edge, rate_between(edge, now));
  }
  bend(now, rate);
  // A rate is as good as the time is long from which it was taken.
  const double second = static_cast<double>(kSecond) / rate;
  const double good = kTrust * distance(last.ticks, now.ticks);
  said_until = now.ticks + static_cast<uint64_t>(good < second ? good : second);
  last = now;
}

bool TickClock::is_due(uint64_t ticks) const noexcept {
  return count == 0 || distance(said_until, ticks) > 0;
}

int64_t TickClock::nanoseconds(uint64_t ticks) const noexcept {
  if (count == 0)
    return 0;
  // The last bend at or before it, or the first of all.
  uint32_t low = 0, high = count;
  if (distance(bends[count - 1].at.ticks, ticks) >= 0)
    low = count - 1;
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    if (distance(bends[middle].at.ticks, ticks) >= 0)
      low = middle;
    else
      high = middle;
  }
  const Bend& line = bends[low];
  const double passed = distance(line.at.ticks, ticks) * line.rate;
  const double bounded = passed > kFar ? kFar : passed < -kFar ? -kFar : passed;
  return line.at.nanoseconds + static_cast<int64_t>(bounded);
}

void start_tick_clock() noexcept {
  pthread_mutex_lock(&lock);
  if (!process_clock.has_looked())
    process_clock.look(now_on_both());
  pthread_mutex_unlock(&lock);
}

TickClock tick_clock() noexcept {
  start_tick_clock();
  pthread_mutex_lock(&lock);
  while (!process_clock.is_set() && monotonic_ns() < process_clock.looked_at() + kLeastBaseNs)
    continue;
  if (process_clock.is_due(ticks()))
    process_clock.look(now_on_both());
  const TickClock copy = process_clock;
  pthread_mutex_unlock(&lock);
  return copy;
}

} // namespace rseq
