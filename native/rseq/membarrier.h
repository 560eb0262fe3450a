/**
 * @file
 * Fences: an end to the sections that run now, on one CPU or on all.
 *
 * By the `membarrier` system call where it has the command (Linux 5.10), else by visiting the CPU: what ran
 * there was preempted, which ends its section, too.
 * Source: `membarrier(2)` and the kernel's `include/uapi/linux/membarrier.h`.
 */
#ifndef RSEQ_MEMBARRIER_H
#define RSEQ_MEMBARRIER_H

#include <cstdint>
#include <sys/syscall.h>
#include <unistd.h>

namespace rseq {
namespace membarrier {

enum Command : uint32_t {
  query = 0,
  private_expedited = 1u << 3,                ///< A full fence in all threads of this process (Linux 4.14).
  register_private_expedited_fence = 1u << 4, ///< Must be called once per process before the above.
  private_expedited_rseq = 1u << 7,           ///< Abort this process's running sections (Linux 5.10).
  register_private_expedited_rseq = 1u << 8,  ///< Must be called once per process before the above.
};

/** The commands that the kernel has, one bit each, or 0 if it has no (or refuses) membarrier. */
inline uint32_t supported() noexcept {
  const long commands = syscall(SYS_membarrier, query, 0, 0);
  return commands > 0 ? static_cast<uint32_t>(commands) : 0;
}

/** Makes private_fence() possible for this process. Idempotent. @return 0, or -1 with errno. */
inline long register_private_expedited() noexcept {
  return syscall(SYS_membarrier, register_private_expedited_fence, 0, 0);
}

/** Every running thread of this process executes a full fence between call and return. @return 0, or -1 with errno. */
inline long private_fence() noexcept {
  return syscall(SYS_membarrier, private_expedited, 0, 0);
}
/**
 * Registers this process for fences. Idempotent, thread-safe; the first call may take milliseconds.
 * False if the kernel has none, or a sandbox forbids them: then fence() visits CPUs.
 */
bool enable() noexcept;

constexpr uint32_t kAllCpus = UINT32_MAX;

/**
 * Ends every section of this process that runs on `cpu`, by an abort, unless it has committed. When this
 * returns true, what those sections have stored is visible to the caller, and all that the caller stored before is
 * visible to every section that begins on that CPU. A CPU that does not exist or is offline has no sections.
 * Some microseconds, or more where it has to visit.
 * @return false if there is no way: no membarrier, and this thread may not run on the CPU.
 */
bool fence(uint32_t cpu = kAllCpus) noexcept;

/** fence() by visiting: what there is without membarrier. The calling thread's affinity is what it was before. */
bool fence_by_visiting(uint32_t cpu = kAllCpus) noexcept;

} // namespace membarrier
} // namespace rseq

#endif // RSEQ_MEMBARRIER_H
