#include "case_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace percpu::interleave {

CaseMemory::CaseMemory(uint32_t shards) : memory(), room(0) {
  for (const Operation& operation : operations())
    room = std::max(room, operation.structure->size(shards));
  void* const pages = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED)
    abort();
  memory.bytes = static_cast<unsigned char*>(pages);
  memory.shards = shards;
}

CaseMemory::~CaseMemory() {
  munmap(memory.bytes, room);
}

const Memory& CaseMemory::set_up(const Structure& structure, Index index, uint32_t state) {
  memory.size = structure.size(memory.shards);
  memset(memory.bytes, 0, memory.size);
  structure.set_up(memory, index, state);
  return memory;
}

} // namespace percpu::interleave
