/**
 * @file
 * Every critical section of this program, as its own tables and symbols have them.
 */
#ifndef RSEQ_INTERLEAVE_SECTION_TABLE_H
#define RSEQ_INTERLEAVE_SECTION_TABLE_H

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace percpu::interleave {

/** What was seen of a section, beside its counts. */
struct Section {
  std::string name;
  uintptr_t entry;  ///< Where its function begins.
  uintptr_t start;  ///< Its first instruction that is protected.
  uintptr_t commit; ///< The end of the committing store: the first instruction that is not protected.
  uintptr_t abort;  ///< The abort handler.
  uintptr_t end;    ///< Where its function ends.

  /** Where each known instruction begins and ends, entry and exits included. trace() fills it. */
  std::map<uintptr_t, uintptr_t> instructions;
  std::set<uintptr_t> interrupted; ///< Those of [start, commit) where an operation was aborted.
  std::set<uintptr_t>
      control_wrong;           ///< Those where the interruption gave a wrong result when the section was not armed.
  std::set<std::string> pairs; ///< "A / B" tried on it.
  uint64_t cases = 0;
  uint64_t aborts = 0;
  uint64_t control_cases = 0;
  uint64_t control_failures = 0;
  uint64_t failures = 0;

  /** True if an abort at `address` sends the thread to the abort handler. */
  bool protects(uintptr_t address) const { return address >= start && address < commit; }
  /** How many of its instructions are protected. */
  size_t length() const;
  /** True if the known instructions fill [start, commit) without a gap: then none is unknown. */
  bool complete() const;
};

/** The table, sorted by address. Empty if the program's file has no symbols. */
std::vector<Section> read_sections();

} // namespace percpu::interleave

#endif // RSEQ_INTERLEAVE_SECTION_TABLE_H
