#include "visit.h"

#include <cstdio>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace percpu {
namespace visit {
namespace {

/** How often to try each step. A try fails if the cpuset changes meanwhile, which hardly happens several times in a
 * row. */
constexpr uint32_t kTries = 8;
constexpr uint32_t kWords = kMostCpus / CpuSet::kWordBits;

bool get_affinity(CpuSet& set) noexcept {
  set = {};
  return syscall(SYS_sched_getaffinity, 0, sizeof(set), &set) >= 0;
}

bool set_affinity(const CpuSet& set) noexcept {
  return syscall(SYS_sched_setaffinity, 0, sizeof(set), &set) == 0;
}

uint32_t current_cpu() noexcept {
  unsigned cpu = 0;
  return syscall(SYS_getcpu, &cpu, nullptr, nullptr) == 0 ? cpu : UINT32_MAX;
}

/** Reads sysfs. CPU 0 may have no file `online`, as it is always online. */
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

bool is_subset(const CpuSet& inner, const CpuSet& outer) noexcept {
  for (uint32_t i = 0; i < kWords; i++)
    if ((inner.words[i] & ~outer.words[i]) != 0)
      return false;
  return true;
}

bool has_common(const CpuSet& one, const CpuSet& other) noexcept {
  for (uint32_t i = 0; i < kWords; i++)
    if ((one.words[i] & other.words[i]) != 0)
      return true;
  return false;
}

bool visit_one(const Scheduler& scheduler, uint32_t cpu) noexcept {
  CpuSet one = {};
  one.words[cpu / CpuSet::kWordBits] = 1ul << cpu % CpuSet::kWordBits;
  for (uint32_t tries = 0; tries < kTries; tries++) {
    if (scheduler.set_affinity(one) && scheduler.current_cpu() == cpu)
      return true;
    // This thread cannot run there. If the CPU is offline, no thread can, so no section runs there either.
    if (!scheduler.is_online(cpu))
      return true;
  }
  return false;
}

/** Widens the affinity first: if a later step fails, the thread does not stay pinned to one CPU. */
bool restore(const Scheduler& scheduler, const CpuSet& before) noexcept {
  CpuSet every;
  for (unsigned long& word : every.words)
    word = ~0ul;
  bool is_wide = false;
  for (uint32_t tries = 0; tries < kTries; tries++) {
    CpuSet now;
    is_wide = scheduler.set_affinity(every) || is_wide;
    if (is_wide && scheduler.get_affinity(now)) {
      // The wide affinity is the earlier one: the thread could run on all CPUs of its cpuset, and follows its changes.
      if (is_subset(now, before) && is_subset(before, now))
        return true;
      // The cpuset has changed and allows none of the earlier CPUs, so the affinity stays wide. To ask for the earlier
      // one would pin the thread if the cpuset allowed it again by then.
      if (!has_common(now, before))
        return true;
    }
    if (scheduler.set_affinity(before) && scheduler.get_affinity(now) && is_subset(now, before))
      return true;
  }
  return false;
}

} // namespace

const Scheduler kLinux = {get_affinity, set_affinity, current_cpu, is_online};

bool cpus(uint32_t first, uint32_t end, const Scheduler& scheduler) noexcept {
  CpuSet before;
  if (!scheduler.get_affinity(before))
    return false;
  bool is_done = true;
  for (uint32_t cpu = first; cpu < end && cpu < kMostCpus; cpu++)
    is_done = visit_one(scheduler, cpu) && is_done;
  return restore(scheduler, before) && is_done;
}

} // namespace visit
} // namespace percpu
