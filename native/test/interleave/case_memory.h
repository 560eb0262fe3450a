/**
 * @file
 * The memory that cases work on, one after the other.
 */
#ifndef RSEQ_INTERLEAVE_CASE_MEMORY_H
#define RSEQ_INTERLEAVE_CASE_MEMORY_H

#include "operations.h"

namespace percpu::interleave {

/** Pages that forked children share, with room for every structure in the table of operations. */
class CaseMemory {
public:
  /** `shards`: one per possible CPU. */
  explicit CaseMemory(uint32_t shards);
  ~CaseMemory();
  CaseMemory(const CaseMemory&) = delete;
  CaseMemory& operator=(const CaseMemory&) = delete;

  /** Zeroes the memory and gives it one of the structure's starts. */
  const Memory& set_up(const Structure& structure, Index index, uint32_t state);
  /** As set_up() left it, and as operations have changed it since. */
  const Memory& now() const { return memory; }

private:
  Memory memory;
  size_t room;
};

} // namespace percpu::interleave

#endif // RSEQ_INTERLEAVE_CASE_MEMORY_H
