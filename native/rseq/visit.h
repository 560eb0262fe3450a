/**
 * @file
 * Visits to CPUs: the fence for kernels whose membarrier has no command for it (membarrier.h).
 */
#ifndef RSEQ_VISIT_H
#define RSEQ_VISIT_H

#include <cstdint>

namespace percpu {
namespace visit {

/** No kernel supports more CPUs. */
constexpr uint32_t kMostCpus = 8192;

/** A set of CPUs in the kernel's format. The set of libc has room for only 1024 CPUs. */
struct CpuSet {
  static constexpr uint32_t kWordBits = 8 * sizeof(unsigned long);
  unsigned long words[kMostCpus / kWordBits];
};

/** The system calls of a visit. They concern the calling thread; those of the affinity return false if they fail. */
struct Scheduler {
  bool (*get_affinity)(CpuSet& set) noexcept;
  bool (*set_affinity)(const CpuSet& set) noexcept;
  /** The CPU that the thread runs on now, or UINT32_MAX if the system call fails. */
  uint32_t (*current_cpu)() noexcept;
  /** Whether any thread can run on the CPU. */
  bool (*is_online)(uint32_t cpu) noexcept;
};

/** Linux, by system calls and sysfs. */
extern const Scheduler kLinux;

/**
 * Moves the calling thread to each CPU from `first` to `end - 1`, and then restores its affinity. A CPU counts as
 * visited once the thread has read that it runs there: the system call may succeed and the thread still run elsewhere,
 * if a cpuset changes meanwhile or a sandbox ignores the call. An offline CPU counts as visited. It tries each step up
 * to 8 times.
 *
 * Afterwards the thread has its earlier affinity, or all CPUs of its cpuset if a change of the cpuset forbids all
 * earlier ones. A thread that could run on all CPUs of its cpuset still follows later changes of the cpuset.
 *
 * @return false if a CPU was not visited, or the affinity was not restored.
 */
bool cpus(uint32_t first, uint32_t end, const Scheduler& scheduler = kLinux) noexcept;

} // namespace visit
} // namespace percpu

#endif // RSEQ_VISIT_H
