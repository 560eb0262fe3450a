/**
 * @file
 * What a thread can ask without a registration: whether the kernel has restartable sequences, and where it runs.
 */
#ifndef RSEQ_CURRENT_H
#define RSEQ_CURRENT_H

#include "thread.h"

#include <cerrno>
#include <cstddef>
#include <sys/syscall.h>
#include <unistd.h>

namespace percpu {

/**
 * Whether the kernel offers restartable sequences to the calling thread. One system call, which registers nothing.
 * False if the kernel was built without them, or a sandbox refuses the call. attach() may still fail, if the thread has
 * the area of another library, or if the self-test fails: registration() and self_test() tell. Thread-safe.
 */
inline bool is_available() noexcept {
  const int before = errno;
  // The kernel refuses an area without an address and a length with EINVAL, and a call that it does not have with
  // ENOSYS.
  const bool is_there = syscall(RSEQ_SYSCALL, nullptr, 0, 0, 0) == 0 || errno == EINVAL;
  errno = before;
  return is_there;
}

namespace detail {
/** What getcpu() answers: the CPU, or the NUMA node. 0 if a sandbox refuses the system call. */
inline uint32_t ask_kernel(bool for_node) noexcept {
  unsigned int cpu = 0, node = 0;
  const int before = errno;
  if (syscall(SYS_getcpu, &cpu, &node, nullptr) != 0)
    errno = before;
  return for_node ? node : cpu;
}
} // namespace detail

/**
 * The CPU that the calling thread runs on, which may change at any time. A load on a thread with a registration, else a
 * system call. Thread-safe.
 */
inline uint32_t current_cpu() noexcept {
  const Here place = here(Index::cpu_id);
  return static_cast<int32_t>(place.index) >= 0 ? place.index : detail::ask_kernel(false);
}

/**
 * The NUMA node of the CPU that the calling thread runs on, which may change at any time. Loads on a thread whose
 * registration covers the node (Linux 6.3), else a system call. Thread-safe.
 */
inline uint32_t current_node() noexcept {
  const Registration mine = registration();
  const bool has_node = mine.owner != Owner::none && mine.usable_size >= offsetof(Area, node_id) + sizeof(uint32_t);
  return has_node ? __atomic_load_n(&current_area()->node_id, __ATOMIC_RELAXED) : detail::ask_kernel(true);
}

} // namespace percpu

#endif // RSEQ_CURRENT_H
