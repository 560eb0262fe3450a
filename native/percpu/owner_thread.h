/**
 * @file
 * The kernel's id of the calling thread, for people who read records. Threads own words under another number, which is
 * not reused (owner.h).
 */
#ifndef RSEQ_PERCPU_OWNER_THREAD_H
#define RSEQ_PERCPU_OWNER_THREAD_H

#include <cstdint>
#include <sys/syscall.h>
#include <unistd.h>

namespace percpu {

/** The calling thread, as the kernel numbers threads in the thread's own PID namespace. A system call. */
inline uint32_t this_thread() noexcept {
  return static_cast<uint32_t>(syscall(SYS_gettid));
}

} // namespace percpu

#endif // RSEQ_PERCPU_OWNER_THREAD_H
