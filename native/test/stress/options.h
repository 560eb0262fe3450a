/**
 * @file
 * What a run is to do.
 */
#ifndef RSEQ_STRESS_OPTIONS_H
#define RSEQ_STRESS_OPTIONS_H

#include "../../rseq/sections.h"

#include <cstdint>
#include <string>

namespace percpu::stress {

struct Options {
  std::string test = "counter";
  uint32_t threads = 0; ///< 0: six times the CPUs.
  uint32_t unregistered = 0;
  uint32_t repetitions = 50'000; ///< By each thread, in the first round.
  uint32_t rounds = 30;          ///< At most: more than one only while nothing was shown.
  Index index = Index::cpu_id;
  Order order = Order::relaxed;
  uint32_t before_loops = 0; ///< Empty turns between reading the index and arming the section.
  uint32_t yield_every = 0;  ///< Sections between two of these. 0: never.
  uint32_t signal_every = 0;
  uint32_t sleep_every = 0;
  uint32_t timer_us = 100; ///< Period of each thread's signal timer. 0: none.
  bool control = true;
  bool json = false;
};

/**
 * Reads the command line; `--delay` at points inside of sections goes to rseq_delay_loops.
 * Ends the program for `--help`, and with status 2 for what it does not understand.
 */
Options parse(int count, char** arguments);

/** How this program was built: "plain", "delays" or "compare-twice". */
extern const char* const build_name;

/** Whether sections look twice at what they compared. */
#if defined(RSEQ_COMPARE_TWICE)
constexpr bool is_compare_twice = true;
#else
constexpr bool is_compare_twice = false;
#endif

} // namespace percpu::stress

#endif // RSEQ_STRESS_OPTIONS_H
