/**
 * @file
 * Fences: they abort the sections that run now, on one CPU or on all.
 *
 * A fence uses the `membarrier` system call if the kernel has the command (Linux 5.10). Otherwise it visits the CPU,
 * which preempts the thread that ran there and so aborts its section.
 * See `membarrier(2)` and the kernel's `include/uapi/linux/membarrier.h`.
 */
#ifndef RSEQ_MEMBARRIER_H
#define RSEQ_MEMBARRIER_H

#include <cstdint>
#include <sys/syscall.h>
#include <unistd.h>

namespace percpu {
namespace membarrier {

enum Command : uint32_t {
  query = 0,
  global_expedited = 1u << 1,                 ///< A full fence in all processes that have registered (Linux 4.16).
  register_global_expedited = 1u << 2,        ///< A process must call it once to be reached by the command above.
  private_expedited = 1u << 3,                ///< A full fence in all threads of this process (Linux 4.14).
  register_private_expedited_fence = 1u << 4, ///< A process must call it once before the command above.
  private_expedited_rseq = 1u << 7,           ///< Abort this process's running sections (Linux 5.10).
  register_private_expedited_rseq = 1u << 8,  ///< A process must call it once before the command above.
};

/** The commands that the kernel has, one bit each, or 0 if it lacks or refuses membarrier. */
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

/** Lets global_fence() reach this process, and the children that it forks later. Idempotent. @return 0, or -1. */
inline long register_global() noexcept {
  return syscall(SYS_membarrier, register_global_expedited, 0, 0);
}

/** Every running thread of every registered process executes a full fence between call and return. @return 0, or -1. */
inline long global_fence() noexcept {
  return syscall(SYS_membarrier, global_expedited, 0, 0);
}

/**
 * Registers this process for fences. Idempotent, thread-safe; the first call may take milliseconds.
 * @return false if the kernel has no such fences or a sandbox forbids them: then fence() visits CPUs.
 */
bool enable() noexcept;

constexpr uint32_t kAllCpus = UINT32_MAX;

/**
 * Aborts every section of this process that runs on `cpu` and has not committed. If this returns true, the caller sees
 * all stores of those sections, and every section that begins on that CPU afterwards sees all earlier stores of the
 * caller. A CPU that does not exist or is offline has no sections. Takes some microseconds; longer if it visits CPUs.
 * Thread-safe.
 * @return false if no fence was possible: the kernel has no membarrier, and this thread may not run on the CPU or did
 * not get its affinity back.
 */
bool fence(uint32_t cpu = kAllCpus) noexcept;

/** fence() without membarrier: visits the CPU (visit.h), then restores the affinity of the calling thread. */
bool fence_by_visiting(uint32_t cpu = kAllCpus) noexcept;

} // namespace membarrier
} // namespace percpu

#endif // RSEQ_MEMBARRIER_H
