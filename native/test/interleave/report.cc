#include "report.h"

#include "machine.h"
#include "printing.h"

#include <algorithm>
#include <cstdio>
#include <iomanip>
#include <iostream>

namespace percpu::interleave {
namespace {

std::string offset(const Section& section, uintptr_t address) {
  char text[32];
  snprintf(text, sizeof(text), "+%#lx", static_cast<unsigned long>(address - section.start));
  return text;
}

uint64_t instructions(const Section& section) {
  return section.length();
}
uint64_t interrupted(const Section& section) {
  return section.interrupted.size();
}
uint64_t pairs(const Section& section) {
  return section.pairs.size();
}

void print_section(const Section& section) {
  std::cout << "{\"name\":\"" << section.name << "\",\"instructions\":" << section.length()
            << ",\"interrupted\":" << section.interrupted.size() << ",\"pairs\":" << section.pairs.size()
            << ",\"cases\":" << section.cases << ",\"aborts\":" << section.aborts
            << ",\"controls\":" << section.control_cases << ",\"controlsFailed\":" << section.control_failures
            << ",\"failures\":" << section.failures << ',';
  std::vector<std::string> wrong;
  for (const uintptr_t address : section.control_wrong)
    wrong.push_back(offset(section, address));
  print_json("controlFailedAt", wrong);
  std::cout << '}';
}

} // namespace

std::vector<std::string> Report::incomplete() const {
  std::vector<std::string> reasons;
  for (const Section& section : sections) {
    if (section.instructions.empty())
      reasons.push_back(section.name + ": no operation runs it; it needs a row in a structure_*.cc");
    else if (!section.complete())
      reasons.push_back(section.name + ": some of its instructions were run by no operation");
    else if (section.interrupted.size() != section.length())
      reasons.push_back(section.name + ": not every instruction was interrupted");
    else if (section.control_wrong.empty())
      reasons.push_back(section.name + ": the control, not armed, never went wrong");
  }
  return reasons;
}

bool Report::passed() const {
  return failed.empty() && !sections.empty() && incomplete().empty();
}

void Report::print(bool verbose) const {
  size_t width = 0;
  for (const Section& section : sections)
    width = std::max(width, section.name.size());
  std::cout << std::left << std::setw(static_cast<int>(width)) << "section"
            << "  instructions  interrupted  pairs  cases  aborts  control failed  failures\n";
  for (const Section& section : sections) {
    std::cout << std::left << std::setw(static_cast<int>(width)) << section.name << std::right << std::setw(14)
              << section.length() << std::setw(13) << section.interrupted.size() << std::setw(7) << section.pairs.size()
              << std::setw(7) << section.cases << std::setw(8) << section.aborts << std::setw(8)
              << section.control_failures << " of " << std::left << std::setw(4) << section.control_cases << std::right
              << std::setw(10) << section.failures << '\n';
    if (verbose) {
      std::cout << "    control wrong when stopped at";
      for (const uintptr_t address : section.control_wrong)
        std::cout << ' ' << offset(section, address);
      std::cout << '\n';
    }
  }
  for (const std::string& what : skipped)
    std::cout << "not here: " << what << '\n';
  for (const std::string& reason : incomplete())
    std::cout << "INCOMPLETE " << reason << '\n';
  for (const std::string& failure : failures)
    std::cout << "WRONG " << failure << '\n';
  std::cout << (passed() ? "passed: " : "FAILED: ") << kMachine << ", kernel " << kernel() << ", " << sections.size()
            << " sections, " << total(sections, interrupted) << " of " << total(sections, instructions)
            << " instructions interrupted, " << total(sections, pairs) << " pairs, "
            << total(sections, [](const Section& s) { return s.cases; }) << " cases, "
            << total(sections, [](const Section& s) { return s.aborts; }) << " aborts, "
            << total(sections, [](const Section& s) { return s.control_failures; }) << " controls failed, "
            << total(sections, [](const Section& s) { return s.failures; }) << " failures\n";
}

void Report::print_json() const {
  std::cout << "{\"program\":\"interleave\",\"ok\":" << (passed() ? "true" : "false") << ",\"arch\":\"" << kMachine
            << "\",\"kernel\":\"" << kernel() << "\",\"sections\":" << sections.size()
            << ",\"instructions\":" << total(sections, instructions)
            << ",\"interrupted\":" << total(sections, interrupted) << ",\"pairs\":" << total(sections, pairs)
            << ",\"cases\":" << total(sections, [](const Section& s) { return s.cases; })
            << ",\"aborts\":" << total(sections, [](const Section& s) { return s.aborts; })
            << ",\"controls\":" << total(sections, [](const Section& s) { return s.control_cases; })
            << ",\"controlsFailed\":" << total(sections, [](const Section& s) { return s.control_failures; })
            << ",\"failures\":" << total(sections, [](const Section& s) { return s.failures; })
            << ",\"repeats\":" << repeats << ',';
  interleave::print_json("ways", ways);
  std::cout << ',';
  interleave::print_json("failed", failed);
  std::cout << ',';
  interleave::print_json("incomplete", incomplete());
  std::cout << ',';
  interleave::print_json("skipped", skipped);
  std::cout << ",\"table\":[";
  for (size_t i = 0; i < sections.size(); i++) {
    std::cout << (i ? "," : "");
    print_section(sections[i]);
  }
  std::cout << "]}" << std::endl;
}

} // namespace percpu::interleave
