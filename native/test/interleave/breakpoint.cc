#include "breakpoint.h"

#include <sys/mman.h>
#include <unistd.h>

namespace percpu::interleave {

bool make_writable(const std::vector<Section>& sections) {
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = sections.front().entry / page * page;
  const uintptr_t end = (sections.back().end + page - 1) / page * page;
  return mprotect(reinterpret_cast<void*>(begin), end - begin, PROT_READ | PROT_WRITE | PROT_EXEC) == 0;
}

Breakpoint::Breakpoint(uintptr_t at) : address(at), original(*reinterpret_cast<const BreakpointCode*>(at)) {}

void Breakpoint::write(BreakpointCode code) {
  auto* place = reinterpret_cast<BreakpointCode*>(address);
  __atomic_store_n(place, code, __ATOMIC_RELAXED);
  planted = code != original;
  // The CPU may still have the old instruction in its cache, or on its way.
  char* bytes = reinterpret_cast<char*>(place);
  __builtin___clear_cache(bytes, bytes + sizeof(code));
}

} // namespace percpu::interleave
