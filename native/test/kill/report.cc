#include "report.h"

#include "../interleave/machine.h"
#include "../interleave/printing.h"

#include <algorithm>
#include <iomanip>
#include <iostream>

namespace percpu::kill_test {

using interleave::kernel;
using interleave::total;

namespace {

uint64_t instructions(const SectionKills& section) {
  return section.instructions();
}
uint64_t killed(const SectionKills& section) {
  return section.killed.size();
}
uint64_t kills(const SectionKills& section) {
  return section.kills;
}
uint64_t successors(const SectionKills& section) {
  return section.successors;
}
uint64_t failures(const SectionKills& section) {
  return section.failures;
}

} // namespace

std::vector<std::string> Report::incomplete() const {
  std::vector<std::string> reasons;
  for (const SectionKills& result : sections.results) {
    if (result.section->instructions.empty())
      reasons.push_back(result.section->name + ": no operation runs it; it needs a row in a structure_*.cc");
    else if (!result.is_complete())
      reasons.push_back(result.section->name + ": no process was killed at some of its instructions");
  }
  // A path may go another way the next time: which CPU is visited, and whether a look is due, depends on the time.
  constexpr size_t kPart = 20;
  for (const PathKills& result : paths.results)
    if ((result.instructions - result.killed) * kPart > result.instructions || result.instructions == 0)
      reasons.push_back(std::string(result.name) + ": no process was killed at some of its instructions");
  return reasons;
}

bool Report::passed() const {
  return sections.failed.empty() && paths.failures.empty() && sections.results.size() + paths.results.size() != 0 &&
         incomplete().empty();
}

void Report::print() const {
  size_t width = 0;
  for (const SectionKills& result : sections.results)
    width = std::max(width, result.section->name.size());
  std::cout << std::left << std::setw(static_cast<int>(width)) << "section"
            << "  instructions  killed at  kills  later operations  failures\n";
  for (const SectionKills& result : sections.results)
    std::cout << std::left << std::setw(static_cast<int>(width)) << result.section->name << std::right << std::setw(14)
              << result.instructions() << std::setw(11) << result.killed.size() << std::setw(7) << result.kills
              << std::setw(18) << result.successors << std::setw(10) << result.failures << '\n';
  for (const PathKills& result : paths.results)
    std::cout << result.name << ": killed at " << result.killed << " of " << result.instructions
              << " instructions around its sections, " << result.kills << " kills, " << result.failures
              << " failures\n";
  for (const std::string& what : setting.skipped)
    std::cout << "not here: " << what << '\n';
  for (const std::string& reason : incomplete())
    std::cout << "INCOMPLETE " << reason << '\n';
  for (const std::vector<std::string>& failures : {sections.failures, paths.failures})
    for (const std::string& failure : failures)
      std::cout << "WRONG " << failure << '\n';
  const std::vector<SectionKills>& all = sections.results;
  std::cout << (passed() ? "passed: " : "FAILED: ") << interleave::kMachine << ", kernel " << kernel() << ", "
            << all.size() << " sections, killed at " << total(all, killed) << " of " << total(all, instructions)
            << " instructions, " << total(all, kills) << " kills, " << total(all, successors) << " later operations, "
            << paths.results.size() << " paths, killed at "
            << total(paths.results, [](const PathKills& path) { return path.killed; }) << " of "
            << total(paths.results, [](const PathKills& path) { return path.instructions; }) << " instructions, "
            << total(paths.results, [](const PathKills& path) { return path.kills; }) << " kills, "
            << total(all, failures) + total(paths.results, [](const PathKills& path) { return path.failures; })
            << " failures\n";
}

void Report::print_json() const {
  const std::vector<SectionKills>& all = sections.results;
  std::cout << "{\"program\":\"kill\",\"ok\":" << (passed() ? "true" : "false") << ",\"arch\":\""
            << interleave::kMachine << "\",\"kernel\":\"" << kernel() << "\",\"sections\":" << all.size()
            << ",\"instructions\":" << total(all, instructions) << ",\"killed\":" << total(all, killed)
            << ",\"kills\":" << total(all, kills) << ",\"laterOperations\":" << total(all, successors)
            << ",\"failures\":" << total(all, failures) << ',';
  interleave::print_json("failed", sections.failed);
  std::cout << ",\"paths\":[";
  for (const PathKills& path : paths.results)
    std::cout << (&path == paths.results.data() ? "" : ",") << "{\"name\":\"" << path.name
              << "\",\"instructions\":" << path.instructions << ",\"killed\":" << path.killed
              << ",\"kills\":" << path.kills << ",\"failures\":" << path.failures << '}';
  std::cout << "],";
  interleave::print_json("incomplete", incomplete());
  std::cout << ',';
  interleave::print_json("skipped", setting.skipped);
  std::cout << '}' << std::endl;
}

} // namespace percpu::kill_test
