/**
 * @file
 * What ticks are in nanoseconds of CLOCK_MONOTONIC.
 *
 * The kernel's clock runs on the same counter, but is kept in step with the world: its rate changes by a few
 * millionths, so that one factor for ever would drift away from it. The clock here is a line through all the moments
 * at which it looked at both. It never goes down, and what it has said stays so: for a while after each look, a second
 * at most, it goes on at the rate until then, and the next look continues from there.
 */
#ifndef RSEQ_TICK_CLOCK_H
#define RSEQ_TICK_CLOCK_H

#include <cstdint>

namespace rseq {

/** A moment on both clocks. */
struct Moment {
  uint64_t ticks;
  int64_t nanoseconds;
};

/** The line. Not thread-safe; zeroed memory is one that has not looked yet. */
class TickClock {
public:
  /** Looks at the clocks; nothing comes of a look that is not due, or back in time. */
  void look(Moment now) noexcept;

  /** Whether the while after the last look is over. */
  bool is_due(uint64_t ticks) const noexcept;
  bool has_looked() const noexcept { return last.ticks != 0; }
  /** When it looked last, in nanoseconds. */
  int64_t looked_at() const noexcept { return last.nanoseconds; }
  /** Whether it has looked twice: before, it has no rate. */
  bool is_set() const noexcept { return count != 0; }

  /**
   * The nanoseconds of a moment for which no look is due. Never goes down, and never changes, but for
   * moments more than some fifty looks ago. O(1), and O(log n) of old moments. Any ticks whatever lead to a number.
   */
  int64_t nanoseconds(uint64_t ticks) const noexcept;

private:
  struct Bend {
    Moment at;
    double rate; ///< Nanoseconds for each tick from here on.
  };
  static constexpr uint32_t kBends = 128;

  void bend(Moment at, double rate) noexcept;

  Bend bends[kBends]; ///< In order. Where all are in use, half of them make room.
  uint32_t count;
  Moment last; ///< The last look.
  uint64_t said_until;
};

/** CLOCK_MONOTONIC now, in nanoseconds. */
int64_t monotonic_ns() noexcept;

/** Lets the process's clock look for the first time: it has a rate the sooner. Thread-safe. */
void start_tick_clock() noexcept;

/**
 * The process's clock, as of now: good for all stamps that were made before. Waits until a millisecond after the first
 * look. Thread-safe; a lock.
 */
TickClock tick_clock() noexcept;

} // namespace rseq

#endif // RSEQ_TICK_CLOCK_H
