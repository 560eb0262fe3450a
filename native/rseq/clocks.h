/**
 * @file
 * The system's clocks: samples of all of them at one moment, and CLOCK_MONOTONIC converted to wall-clock time.
 *
 * CLOCK_MONOTONIC stands still while the machine is suspended, CLOCK_BOOTTIME does not; their difference is the
 * suspended time. CLOCK_REALTIME is the wall clock, which programs can set.
 */
#ifndef RSEQ_CLOCKS_H
#define RSEQ_CLOCKS_H

#include <cstdint>

namespace percpu {

/** One moment on every clock: CPU ticks, and nanoseconds of the system's clocks. */
struct ClockSample {
  uint64_t ticks; ///< The CPU's counter: see ticks.h.
  int64_t monotonic;
  int64_t boottime;
  int64_t realtime;

  /** Nanoseconds that the machine was suspended since it was started. */
  int64_t suspended() const noexcept { return boottime - monotonic; }
};

/** CLOCK_MONOTONIC now, in nanoseconds. */
int64_t monotonic_ns() noexcept;

/** CLOCK_MONOTONIC now, in whole milliseconds. */
inline uint64_t monotonic_ms() noexcept {
  return static_cast<uint64_t>(monotonic_ns()) / 1000000;
}

/** Reads all clocks a few times, and returns the sample that took the shortest time. About a microsecond. Thread-safe.
 */
ClockSample sample_clocks() noexcept;

/** Nanoseconds: a smaller difference between clocks may come from an interruption while they were read. */
constexpr int64_t kClockSlackNs = 1000000;

/**
 * Remembers, from samples, how long the machine had been suspended at each time of CLOCK_MONOTONIC. A suspend counts
 * from the last sample before it. Not thread-safe; zeroed memory is an empty log.
 */
class SuspendLog {
public:
  /** Notes a sample, in nanoseconds; ignores a sample that is older than the last one. O(1). */
  void note(int64_t monotonic, int64_t suspended) noexcept;

  /**
   * Nanoseconds that the machine was suspended until `monotonic`; for a time before the first sample, the value of the
   * first sample. There must be a sample. O(suspends), of which it remembers at most 32.
   */
  int64_t at(int64_t monotonic) const noexcept;

private:
  struct Entry {
    int64_t from; ///< CLOCK_MONOTONIC.
    int64_t suspended;
  };
  static constexpr uint32_t kEntries = 32;

  Entry entries[kEntries]; ///< In the order of time. If all are in use, note() removes the oldest half.
  uint32_t count;
  int64_t noted; ///< The CLOCK_MONOTONIC of the last sample.
};

/** Notes a sample in the process's SuspendLog. Thread-safe; takes a lock. */
void note_clocks(const ClockSample& sample) noexcept;

/**
 * Converts a moment of CLOCK_MONOTONIC to wall-clock time, in nanoseconds since 1970: the time now, less the time that
 * has passed since the moment, suspends included. If the wall clock was set since, the result follows the new setting.
 * The result is exact for a moment after the last suspend. A moment between a suspend and the last sample before it is
 * off by the suspended time. Thread-safe; takes a lock.
 */
int64_t wall_ns(int64_t monotonic) noexcept;

} // namespace percpu

#endif // RSEQ_CLOCKS_H
