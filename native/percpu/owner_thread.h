/**
 * @file
 * Threads as owners of something in shared memory: what they are called there, and whether they still live.
 */
#ifndef RSEQ_PERCPU_OWNER_THREAD_H
#define RSEQ_PERCPU_OWNER_THREAD_H

#include <cerrno>
#include <cstdint>
#include <sys/syscall.h>
#include <unistd.h>

namespace rseq {

/** The calling thread, as the kernel numbers threads. A system call. */
inline uint32_t this_thread() noexcept {
  return static_cast<uint32_t>(syscall(SYS_gettid));
}

/**
 * Whether the process surely has no thread of that id. Signal 0 only asks; any error but one (a sandbox's) says
 * nothing. A system call.
 */
inline bool is_gone(uint32_t thread) noexcept {
  return syscall(SYS_tgkill, getpid(), static_cast<int>(thread), 0) != 0 && errno == ESRCH;
}

} // namespace rseq

#endif // RSEQ_PERCPU_OWNER_THREAD_H
