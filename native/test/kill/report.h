/**
 * @file
 * What the program says in the end, for people and for machines.
 */
#ifndef RSEQ_KILL_REPORT_H
#define RSEQ_KILL_REPORT_H

#include "../interleave/setting.h"
#include "path_kills.h"
#include "section_kills.h"

namespace percpu::kill_test {

struct Report {
  const interleave::Setting& setting;
  const SectionKiller& sections;
  const PathKiller& paths;

  /** Sections at some instruction of which no process was killed, and paths where that is so for one in twenty. */
  std::vector<std::string> incomplete() const;
  bool passed() const;
  void print() const;
  /** One line of JSON. */
  void print_json() const;
};

} // namespace percpu::kill_test

#endif // RSEQ_KILL_REPORT_H
