/**
 * @file
 * What the program says in the end, for people and for machines.
 */
#ifndef RSEQ_INTERLEAVE_REPORT_H
#define RSEQ_INTERLEAVE_REPORT_H

#include "case.h"

#include <map>
#include <string>
#include <vector>

namespace percpu::interleave {

struct Report {
  std::vector<Section> sections;          ///< Those that were put to the test.
  std::vector<std::string> skipped;       ///< Sections that this system cannot run, and ways that it does not have.
  std::map<std::string, uint64_t> ways;   ///< Cases by the way in which B came in.
  std::vector<std::string> failures;      ///< The first ones, in words.
  std::map<std::string, uint64_t> failed; ///< Failures by operation ("word/add").
  uint64_t repeats = 0;                   ///< Further tries at cases that the system may have disturbed.

  /** Sections whose instructions were not all found, reached and aborted, or whose control never failed. */
  std::vector<std::string> incomplete() const;
  bool passed() const;
  void print(bool verbose) const;
  /** One line of JSON. */
  void print_json() const;
};

} // namespace percpu::interleave

#endif // RSEQ_INTERLEAVE_REPORT_H
