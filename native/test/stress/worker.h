/**
 * @file
 * What one thread brings to the structures: its place, its retries, its disturbances, its counts.
 */
#ifndef RSEQ_STRESS_WORKER_H
#define RSEQ_STRESS_WORKER_H

#include "../../rseq/thread.h"
#include "options.h"

namespace percpu::stress {

/** What the threads of a run counted. */
struct Counts {
  uint64_t steps = 0;
  uint64_t taken = 0; ///< Elements taken out of a structure, and put back.
  uint64_t sections = 0;
  uint64_t aborts = 0;
  uint64_t moves = 0; ///< Sections that found the thread elsewhere.
  uint64_t mismatches = 0;
  uint64_t inconsistent = 0; ///< Must stay 0.
  uint64_t overflows = 0;    ///< Operations that went to the overflow shard.

  Counts& operator+=(const Counts& other);
};

class Worker {
public:
  /** `shard_count` is the number of shards; without `is_armed`, the kernel knows nothing of the thread's sections. */
  Worker(const Options& use, uint32_t as, uint32_t shard_count, bool is_armed);

  /**
   * Tries `section(here)` until it returns Outcome::done; false after kAttempts, and at once on an
   * unregistered thread: then it is the overflow shard's turn.
   */
  template <typename Section> bool try_here(Section section) {
    for (uint32_t attempt = 0; attempt < kAttempts; attempt++) {
      prepare();
      const Here place = here(options.index);
      if (place.index >= shards)
        break;
      wait(options.before_loops);
      counts.sections++;
      if (count(section(place)))
        return true;
    }
    counts.overflows++;
    return false;
  }

  /** Goes before every section: disturbs the thread if it is time, and keeps a control's area up to date. */
  void prepare();

  /** An empty loop. */
  static void wait(uint64_t loops) {
    for (; loops != 0; loops--)
      __asm__ volatile("");
  }

  const Options& options;
  const uint32_t number; ///< 0 to threads - 1.
  Counts counts;

private:
  static constexpr uint32_t kAttempts = 8;

  void disturb();
  bool count(Outcome outcome);

  const uint32_t shards;
  const bool armed;
  const Area* const real; ///< What the kernel writes, in the control too.
  uint64_t disturbances = 0;
};

/**
 * Before any thread of a control runs, and after the last one: whether current_area() is an area of the thread's
 * that the kernel does not know.
 */
void use_fake_areas(bool on);

} // namespace percpu::stress

#endif // RSEQ_STRESS_WORKER_H
