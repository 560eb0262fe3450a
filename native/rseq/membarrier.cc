#include "membarrier.h"

#include "cpus.h"
#include "visit.h"

namespace percpu {
namespace membarrier {
namespace {

constexpr int kOneCpu = 1; ///< The flag by which the system call reads its third argument as a CPU.

} // namespace

bool enable() noexcept {
  enum : uint32_t { unknown, registered, refused };
  static uint32_t state = unknown;
  uint32_t seen = __atomic_load_n(&state, __ATOMIC_RELAXED);
  if (__builtin_expect(seen == unknown, false)) {
    const bool done = (supported() & private_expedited_rseq) != 0 &&
                      syscall(SYS_membarrier, register_private_expedited_rseq, 0, 0) == 0;
    seen = done ? registered : refused;
    __atomic_store_n(&state, seen, __ATOMIC_RELAXED);
  }
  return seen == registered;
}

bool fence_by_visiting(uint32_t cpu) noexcept {
  return cpu == kAllCpus ? visit::cpus(0, possible_cpus()) : visit::cpus(cpu, cpu + 1);
}

bool fence(uint32_t cpu) noexcept {
  const bool all = cpu == kAllCpus;
  if (enable() && syscall(SYS_membarrier, private_expedited_rseq, all ? 0 : kOneCpu, all ? 0 : cpu) == 0)
    return true;
  return fence_by_visiting(cpu);
}

} // namespace membarrier
} // namespace percpu
