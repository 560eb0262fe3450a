#include "elf_symbols.h"

#include <elf.h>
#include <fstream>
#include <iterator>
#include <link.h>

namespace percpu::interleave {
namespace {

/** Where the program was loaded, relative to the addresses in its file: the first module is the program. */
uintptr_t load_bias() {
  uintptr_t bias = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* result) {
        *static_cast<uintptr_t*>(result) = info->dlpi_addr;
        return 1;
      },
      &bias);
  return bias;
}

} // namespace

std::vector<Symbol> read_function_symbols(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  // The kernel has run this file, so its structure can be trusted; that it is all there cannot.
  if (bytes.size() < sizeof(Elf64_Ehdr))
    return {};
  const auto at = [&](uint64_t offset) { return bytes.data() + offset; };
  const auto& header = *reinterpret_cast<const Elf64_Ehdr*>(at(0));
  if (header.e_shoff + header.e_shnum * sizeof(Elf64_Shdr) > bytes.size())
    return {};
  const auto* sections = reinterpret_cast<const Elf64_Shdr*>(at(header.e_shoff));
  const uintptr_t bias = load_bias();
  std::vector<Symbol> found;
  for (unsigned i = 0; i < header.e_shnum; i++) {
    if (sections[i].sh_type != SHT_SYMTAB)
      continue;
    const auto* symbols = reinterpret_cast<const Elf64_Sym*>(at(sections[i].sh_offset));
    const char* names = at(sections[sections[i].sh_link].sh_offset);
    for (uint64_t n = 0; n < sections[i].sh_size / sizeof(Elf64_Sym); n++)
      if (ELF64_ST_TYPE(symbols[n].st_info) == STT_FUNC && symbols[n].st_size != 0)
        found.push_back(
            {names + symbols[n].st_name, bias + symbols[n].st_value, bias + symbols[n].st_value + symbols[n].st_size});
  }
  return found;
}

} // namespace percpu::interleave
