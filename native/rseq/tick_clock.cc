#include "tick_clock.h"

#include "ticks.h"

#include <cstring>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

namespace percpu {
namespace {

constexpr double kSecond = 1e9;
/** Nanoseconds between the first two looks, at least: the first rate is then right to a few hundred-thousandths. */
constexpr int64_t kLeastBaseNs = 1000000;
/** A rate is used for this many times the interval in which it was measured, and a second at most. */
constexpr double kTrust = 4;
/** A look has found a jump if it differs from the line by this share of the time since the last look. */
constexpr double kJump = 1.0 / 64;
/** How often tick_clock() tries to get a first rate: a suspend or a reset between two looks spoils a try. */
constexpr int kTries = 8;
/** A bound in ticks and in nanoseconds: only an overwritten stamp is further away. */
constexpr double kFar = 4e18;

/** The distance in ticks; negative if `to` is before `from`. */
double distance(uint64_t from, uint64_t to) noexcept {
  return static_cast<double>(static_cast<int64_t>(to - from));
}

/** Converts to an integer within kFar, so that the conversion of any number is defined. */
int64_t bounded(double amount) noexcept {
  return static_cast<int64_t>(amount > kFar ? kFar : amount < -kFar ? -kFar : amount);
}

pthread_mutex_t tick_clock_lock = PTHREAD_MUTEX_INITIALIZER;
TickClock process_clock;

/** Lets the process's clock look now. The caller holds tick_clock_lock. */
void look_now() noexcept {
  const ClockSample sample = sample_clocks();
  note_clocks(sample);
  process_clock.look({sample.ticks, sample.monotonic, sample.suspended()});
}

} // namespace

int64_t TickClock::Stretch::at(uint64_t ticks) const noexcept {
  return nanoseconds + bounded(distance(from, ticks) * rate);
}

void TickClock::make_room() noexcept {
  // Merge every two adjacent stretches of the older half. Stretches of different lines stay separate.
  uint32_t kept = 0;
  for (uint32_t i = 0; i < kStretches; i++) {
    const bool is_pair = i + 1 < kStretches / 2 && stretches[i].to == stretches[i + 1].from;
    Stretch stretch = stretches[i];
    if (is_pair) {
      const Stretch& next = stretches[++i];
      const double length = distance(stretch.from, next.to);
      if (length > 0)
        stretch.rate = static_cast<double>(next.at(next.to) - stretch.nanoseconds) / length;
      stretch.to = next.to;
    }
    stretches[kept++] = stretch;
  }
  if (kept == kStretches) {
    kept = kStretches / 2;
    for (uint32_t i = 0; i < kept; i++)
      stretches[i] = stretches[i + kStretches / 2];
  }
  count = kept;
}

void TickClock::add(const Stretch& stretch) noexcept {
  if (count == kStretches)
    make_room();
  stretches[count++] = stretch;
}

bool TickClock::has_jumped(const Moment& now) const noexcept {
  const auto passed = static_cast<double>(now.nanoseconds - last.nanoseconds);
  const double missed = passed - distance(last.ticks, now.ticks) * rate;
  const double most = static_cast<double>(kClockSlackNs) + passed * kJump;
  return now.suspended - last.suspended > kClockSlackNs || missed > most || missed < -most;
}

void TickClock::begin_line(const Moment& now) noexcept {
  // Two jumps in a row without a suspend mean that the rate has changed.
  const double length = distance(last.ticks, now.ticks);
  if (has_just_jumped && length > 0 && now.suspended - last.suspended <= kClockSlackNs)
    rate = static_cast<double>(now.nanoseconds - last.nanoseconds) / length;
  has_just_jumped = true;
  // The jump was anywhere between the looks, so both lines cover all the time between them.
  const auto awake = static_cast<uint64_t>(bounded(static_cast<double>(now.nanoseconds - last.nanoseconds) / rate));
  stretches[count - 1].to = last.ticks + awake;
  add({now.ticks - awake, now.ticks + static_cast<uint64_t>(reach), last.nanoseconds, rate});
}

void TickClock::continue_line(const Moment& now) noexcept {
  has_just_jumped = false;
  rate = static_cast<double>(now.nanoseconds - last.nanoseconds) / distance(last.ticks, now.ticks);
  // A rate that was measured over a longer time is good for a longer time.
  const double second = kSecond / rate;
  const double good = kTrust * distance(last.ticks, now.ticks);
  reach = good < second ? good : second;
  const uint64_t until = now.ticks + static_cast<uint64_t>(bounded(reach));
  if (count == 0) {
    add({last.ticks, until, last.nanoseconds, rate});
    return;
  }
  // From the end of the line to this moment, or a horizontal step if the line was already higher.
  const uint64_t edge = stretches[count - 1].to;
  const int64_t said = stretches[count - 1].at(edge);
  const int64_t here = now.nanoseconds > said ? now.nanoseconds : said;
  add({edge, now.ticks, said, static_cast<double>(here - said) / distance(edge, now.ticks)});
  // From there, so that the line is right again when the next look is due.
  const double aimed = rate - static_cast<double>(here - now.nanoseconds) / reach;
  add({now.ticks, until, here, aimed > 0 ? aimed : 0});
}

void TickClock::look(Moment now) noexcept {
  if (looked && now.nanoseconds <= last.nanoseconds)
    return;
  if (!looked) {
    looked = true;
  } else if (count == 0) {
    // Without a rate, only a suspend shows a jump.
    if (distance(last.ticks, now.ticks) > 0 && now.suspended - last.suspended <= kClockSlackNs)
      continue_line(now);
  } else if (has_jumped(now)) {
    begin_line(now);
  } else if (distance(stretches[count - 1].to, now.ticks) > 0) {
    continue_line(now);
  } else {
    return;
  }
  last = now;
}

bool TickClock::is_due(uint64_t ticks) const noexcept {
  if (count == 0)
    return true;
  const double since = distance(last.ticks, ticks) * rate;
  return since < -static_cast<double>(kClockSlackNs) || distance(stretches[count - 1].to, ticks) > 0;
}

bool TickClock::is_due(const Moment& now) const noexcept {
  if (is_due(now.ticks))
    return true;
  const int64_t missed = nanoseconds(now.ticks) - now.nanoseconds;
  return missed > kClockSlackNs || missed < -kClockSlackNs;
}

int64_t TickClock::nanoseconds(uint64_t ticks) const noexcept {
  if (count == 0)
    return 0;
  // The youngest stretch that contains `ticks`; else the youngest that begins before; else the first.
  uint32_t found = count;
  for (uint32_t i = count; i-- > 0;) {
    if (distance(stretches[i].from, ticks) < 0)
      continue;
    if (distance(stretches[i].to, ticks) <= 0)
      return stretches[i].at(ticks);
    if (found == count)
      found = i;
  }
  return stretches[found == count ? 0 : found].at(ticks);
}

bool is_tick_source(const char* name) noexcept {
#if defined(__x86_64__)
  return strcmp(name, "tsc") == 0;
#elif defined(__aarch64__)
  return strcmp(name, "arch_sys_counter") == 0;
#elif defined(__powerpc64__)
  return strcmp(name, "timebase") == 0;
#endif
}

bool trusts_ticks() noexcept {
  enum : int { unknown, trusted, distrusted };
  static int decision = unknown;
  int decided = __atomic_load_n(&decision, __ATOMIC_RELAXED);
  if (decided == unknown) {
    char name[64] = {};
    const int file = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
      const ssize_t length = read(file, name, sizeof(name) - 1);
      close(file);
      name[length > 0 ? length : 0] = 0;
      name[strcspn(name, "\n")] = 0;
    }
    const int found = is_tick_source(name) ? trusted : distrusted;
    // If two threads read the file while the kernel changes its clock, the first decision wins.
    decided = unknown;
    if (__atomic_compare_exchange_n(&decision, &decided, found, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
      decided = found;
  }
  return decided == trusted;
}

void start_tick_clock() noexcept {
  pthread_mutex_lock(&tick_clock_lock);
  if (!process_clock.has_looked())
    look_now();
  pthread_mutex_unlock(&tick_clock_lock);
}

TickClock tick_clock() noexcept {
  start_tick_clock();
  pthread_mutex_lock(&tick_clock_lock);
  for (int i = 0; i < kTries && !process_clock.is_set(); i++) {
    while (monotonic_ns() < process_clock.last_look().nanoseconds + kLeastBaseNs)
      continue;
    look_now();
  }
  const Moment now = {ticks(), monotonic_ns()};
  if (process_clock.is_due(now))
    look_now();
  const TickClock copy = process_clock;
  pthread_mutex_unlock(&tick_clock_lock);
  return copy;
}

} // namespace percpu
