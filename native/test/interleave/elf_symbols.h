/**
 * @file
 * The function symbols of the running program, from its own file: those of the sections are hidden,
 * so that no dynamic table has them.
 */
#ifndef RSEQ_INTERLEAVE_ELF_SYMBOLS_H
#define RSEQ_INTERLEAVE_ELF_SYMBOLS_H

#include <cstdint>
#include <string>
#include <vector>

namespace percpu::interleave {

struct Symbol {
  std::string name;
  uintptr_t begin; ///< Address in this process.
  uintptr_t end;
};

/** All functions of the program in `path`. Empty if the file cannot be read or was stripped. */
std::vector<Symbol> read_function_symbols(const char* path);

} // namespace percpu::interleave

#endif // RSEQ_INTERLEAVE_ELF_SYMBOLS_H
