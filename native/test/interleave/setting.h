/**
 * @file
 * What this system lets the program do: CPUs, and sections that it can run.
 */
#ifndef RSEQ_INTERLEAVE_SETTING_H
#define RSEQ_INTERLEAVE_SETTING_H

#include "section_table.h"

#include <string>
#include <vector>

namespace percpu::interleave {

/** The program's sections on a machine that can run some of them. */
struct Setting {
  std::vector<Section> sections;    ///< Those that this system can run and that were asked for.
  std::vector<std::string> skipped; ///< In words, what it cannot run.
  bool with_mm_cid;                 ///< The kernel has concurrency ids.
  int home, other;                  ///< The first two CPUs that the thread may use, or the only one twice.
};

/**
 * Registers the thread, pins it to `home`, makes the code of the sections writable and catches traps.
 * @param only sections whose names contain it.
 * @return why that is not possible here, or null.
 */
const char* prepare(const std::string& only, Setting& setting);

/** Pins the calling thread to a CPU. Signal-safe. */
bool pin(int cpu);

} // namespace percpu::interleave

#endif // RSEQ_INTERLEAVE_SETTING_H
