/**
 * @file
 * Converts ticks to nanoseconds of CLOCK_MONOTONIC.
 *
 * CLOCK_MONOTONIC runs on the counter that ticks() reads, but the kernel adjusts its rate by a few millionths to keep
 * it right. A fixed factor would drift away. A TickClock therefore samples ("looks at") both clocks now and then, and
 * converts by a line through all these moments. After each look the line continues at the last rate, for a second at
 * most; the next look bends it.
 *
 * While the machine is suspended, CLOCK_MONOTONIC stands still, but the counter may run on, or may be reset. A look
 * that finds such a jump begins a new line with the rate of the old one: stamps before the jump use the old line,
 * stamps after it the new one. If the counter ran on in a suspend that was shorter than the time between the looks
 * around it, a stamp between these looks fits both lines; it uses the new one.
 */
#ifndef RSEQ_TICK_CLOCK_H
#define RSEQ_TICK_CLOCK_H

#include "clocks.h"

#include <cstdint>

namespace percpu {

/** A moment on both clocks. */
struct Moment {
  uint64_t ticks;
  int64_t nanoseconds;
  int64_t suspended = 0; ///< Nanoseconds that the machine was suspended before this moment, or 0 if unknown.
};

/** The lines of a process. Not thread-safe; zeroed memory is a clock that has not looked yet. */
class TickClock {
public:
  /** Adds a look at the clocks. Ignores a look that is not due or not later than the last one. Amortized O(1). */
  void look(Moment now) noexcept;

  /** Whether `ticks` is beyond the end of the line, or the counter was reset after the last look. */
  bool is_due(uint64_t ticks) const noexcept;
  /** Whether is_due(now.ticks), or the line is wrong by more than kClockSlackNs at `now`. */
  bool is_due(const Moment& now) const noexcept;
  bool has_looked() const noexcept { return looked; }
  /** The last look. */
  const Moment& last_look() const noexcept { return last; }
  /** Whether it has a rate, which needs two looks. */
  bool is_set() const noexcept { return count != 0; }

  /**
   * Converts ticks for which no look is due. Between two jumps of the counter, the result never decreases. The result
   * for given ticks stays equal after later looks, except for moments close to a jump, and for moments more than about
   * fifty looks ago, which may change by the clock's error. O(1) for recent moments, O(looks) for old ones, at most 128
   * steps. Any ticks are allowed.
   */
  int64_t nanoseconds(uint64_t ticks) const noexcept;

private:
  /** A straight part of a line. */
  struct Stretch {
    uint64_t from, to;   ///< Ticks. The last stretch ends where the next look is due.
    int64_t nanoseconds; ///< At `from`.
    double rate;         ///< Nanoseconds for each tick.

    int64_t at(uint64_t ticks) const noexcept;
  };
  static constexpr uint32_t kStretches = 128;

  bool has_jumped(const Moment& now) const noexcept;
  void begin_line(const Moment& now) noexcept;
  void continue_line(const Moment& now) noexcept;
  void add(const Stretch& stretch) noexcept;
  void make_room() noexcept;

  Stretch stretches[kStretches]; ///< In the order of time.
  uint32_t count;
  bool looked;
  Moment last;          ///< The last look.
  bool has_just_jumped; ///< Whether the last look found a jump.
  double rate;          ///< Nanoseconds for each tick, from the last two looks without a jump between them.
  double reach;         ///< How many ticks after a look the line uses `rate`.
};

/**
 * Whether records may be stamped with ticks: true if the kernel's clock uses the counter that ticks() reads. The kernel
 * does not use it if it is unstable or differs between CPUs. A process decides once. Thread-safe.
 */
bool trusts_ticks() noexcept;

/** Whether a clocksource of the kernel, by its name in sysfs, is the counter that ticks() reads. */
bool is_tick_source(const char* name) noexcept;

/** Makes the first look of the process's clock, so that tick_clock() has less to wait. Thread-safe; takes a lock. */
void start_tick_clock() noexcept;

/**
 * A copy of the process's clock, valid for all stamps made before the call. If the first look was less than a
 * millisecond ago, it spins until a millisecond has passed. Thread-safe; takes a lock.
 */
TickClock tick_clock() noexcept;

} // namespace percpu

#endif // RSEQ_TICK_CLOCK_H
