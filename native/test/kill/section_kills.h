/**
 * @file
 * Kills operations at each instruction of the sections that they run.
 */
#ifndef RSEQ_KILL_SECTION_KILLS_H
#define RSEQ_KILL_SECTION_KILLS_H

#include "../interleave/forms.h"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace percpu::kill_test {

/** What was seen of one section. */
struct SectionKills {
  const interleave::Section* section;
  std::set<uintptr_t> killed; ///< The instructions from its start up to and with the one behind its commit.
  uint64_t kills = 0;
  uint64_t successors = 0; ///< Operations that ran afterwards, alone or as pairs.
  uint64_t failures = 0;

  /** How many instructions `killed` must have. */
  size_t instructions() const { return section->length() + 1; }
  bool is_complete() const { return section->complete() && killed.size() == instructions(); }
};

/** Runs the cases of all sections, one after the other. */
class SectionKiller {
public:
  SectionKiller(interleave::CaseMemory& use, const std::vector<interleave::Section>& sections);

  void run_all(const std::vector<interleave::Form>& forms);

  std::vector<SectionKills> results;
  std::map<std::string, uint64_t> failed; ///< Failures by operation.
  std::vector<std::string> failures;      ///< The first ones, in words.

private:
  struct Expected;

  void run_case(const interleave::Form& form, SectionKills& result, uintptr_t address);
  void note_failure(const interleave::Form& form, SectionKills& result, uintptr_t address, const char* wrong);
  const char* judge_state(const Expected& expected);
  const char* judge_successors(const Expected& expected, SectionKills& result);
  const char* judge_one(const Expected& expected, const std::vector<const interleave::Operation*>& next);
  void rebuild(const Expected& expected);
  void tidy(const interleave::Structure& structure);

  interleave::CaseMemory& cases;
  const interleave::Memory& memory;
  uint32_t* shard;                   ///< Shared with the children, which write on which shard they are.
  std::vector<unsigned char> left;   ///< What the killed process left in memory.
  std::vector<unsigned char> tidied; ///< The same, or what operations made of it, without what does not count.
};

} // namespace percpu::kill_test

#endif // RSEQ_KILL_SECTION_KILLS_H
