#include "membarrier.h"

#include "cpus.h"

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fcntl.h>

namespace rseq {
namespace membarrier {
namespace {

constexpr int kOneCpu = 1; ///< The flag that says that the third argument is a CPU.

/** A set of CPUs as the kernel has it: larger than libc's, and no CPU that a kernel can be built for is missing. */
constexpr uint32_t kMostCpus = 8192;
constexpr uint32_t kWordBits = 8 * sizeof(unsigned long);
struct CpuSet {
  unsigned long words[kMostCpus / kWordBits];
};

/** Restricts the calling thread to the set. When it returns true, the thread is there. */
bool go_to(const CpuSet& set) noexcept {
  return syscall(SYS_sched_setaffinity, 0, sizeof(set), &set) == 0;
}

/** Whether threads may run on the CPU now, as sysfs has it; the first CPU may have no such file, and is online. */
bool is_online(uint32_t cpu) noexcept {
  char path[64];
  snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u", cpu);
  if (access("/sys/devices/system/cpu", F_OK) == 0 && access(path, F_OK) != 0)
    return false;
  snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  char state = '1';
  if (file >= 0) {
    if (read(file, &state, 1) != 1)
      state = '1';
    close(file);
  }
  return state != '0';
}

/** A CPU that this thread cannot go to has no sections only if nobody can. */
bool visit(uint32_t cpu) noexcept {
  CpuSet one = {};
  one.words[cpu / kWordBits] = 1ul << cpu % kWordBits;
  return go_to(one) || !is_online(cpu);
}

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
  CpuSet before = {};
  if (syscall(SYS_sched_getaffinity, 0, sizeof(before), &before) < 0)
    return false;
  const bool all = cpu == kAllCpus;
  const uint32_t end = all ? possible_cpus() : cpu + 1;
  bool visited = true;
  for (uint32_t next = all ? 0 : cpu; next < end && next < kMostCpus; next++)
    visited = visit(next) && visited;
  go_to(before);
  return visited;
}

bool fence(uint32_t cpu) noexcept {
  const bool all = cpu == kAllCpus;
  if (enable() && syscall(SYS_membarrier, private_expedited_rseq, all ? 0 : kOneCpu, all ? 0 : cpu) == 0)
    return true;
  return fence_by_visiting(cpu);
}

} // namespace membarrier
} // namespace rseq
