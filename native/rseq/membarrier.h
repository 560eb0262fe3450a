/**
 * @file
 * The `membarrier` system call, as far as restartable sequences need it.
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

} // namespace membarrier
} // namespace rseq

#endif // RSEQ_MEMBARRIER_H
