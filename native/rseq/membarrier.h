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
  private_expedited_rseq = 1u << 7,          ///< Abort this process's running sections (Linux 5.10).
  register_private_expedited_rseq = 1u << 8, ///< Must be called once per process before the above.
};

/** The commands that the kernel has, one bit each, or 0 if it has no (or refuses) membarrier. */
inline uint32_t supported() noexcept {
  const long commands = syscall(SYS_membarrier, query, 0, 0);
  return commands > 0 ? static_cast<uint32_t>(commands) : 0;
}

} // namespace membarrier
} // namespace rseq

#endif // RSEQ_MEMBARRIER_H
