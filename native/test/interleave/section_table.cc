#include "section_table.h"

#include "../../rseq/abi.h"
#include "elf_symbols.h"

#include <algorithm>
#include <iterator>

// The linker's names for the beginning and the end of the table of pointers to the descriptors.
extern "C" {
[[gnu::visibility("hidden")]] extern const percpu::Descriptor* const __start___rseq_cs_ptr_array[];
[[gnu::visibility("hidden")]] extern const percpu::Descriptor* const __stop___rseq_cs_ptr_array[];
}

namespace percpu::interleave {

size_t Section::length() const {
  return static_cast<size_t>(std::distance(instructions.lower_bound(start), instructions.lower_bound(commit)));
}

bool Section::complete() const {
  uintptr_t address = start;
  size_t steps = 0;
  for (; address < commit; steps++) {
    const auto instruction = instructions.find(address);
    // One that ends before it begins was not stepped through one by one.
    if (instruction == instructions.end() || instruction->second <= address)
      return false;
    address = instruction->second;
  }
  return address == commit && steps == length();
}

std::vector<Section> read_sections() {
  const std::vector<Symbol> symbols = read_function_symbols("/proc/self/exe");
  std::vector<Section> table;
  for (auto entry = __start___rseq_cs_ptr_array; entry != __stop___rseq_cs_ptr_array; entry++) {
    const Descriptor* const cs = *entry;
    const Symbol* function = nullptr;
    for (const Symbol& symbol : symbols) // Of two names for one address, the first in the alphabet.
      if (symbol.begin <= cs->start_ip && cs->start_ip < symbol.end && (!function || symbol.name < function->name))
        function = &symbol;
    if (function == nullptr)
      return {};
    Section section = {};
    section.name = function->name;
    section.entry = function->begin;
    section.start = cs->start_ip;
    section.commit = cs->start_ip + cs->post_commit_offset;
    section.abort = cs->abort_ip;
    section.end = function->end;
    table.push_back(section);
  }
  std::sort(table.begin(), table.end(), [](const Section& a, const Section& b) { return a.entry < b.entry; });
  return table;
}

} // namespace percpu::interleave
