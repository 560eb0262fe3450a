/**
 * @file
 * The registration of a thread for the time of a scope.
 */
#ifndef RSEQ_REGISTERED_THREAD_H
#define RSEQ_REGISTERED_THREAD_H

#include "thread.h"

namespace percpu {

/**
 * Calls attach() when it is made, and detach() at its end. Make it first in each thread's function; it must be
 * destroyed by the thread that made it, and has to be the last thing that the thread destroys of what uses sections.
 * Several in one thread do no harm.
 *
 *     std::thread thread([&] {
 *       const percpu::RegisteredThread here;
 *       percpu::counter_add(counters, 0, int64_t{1});
 *     });
 */
class RegisteredThread {
public:
  RegisteredThread() noexcept : registration_(attach()) {}
  ~RegisteredThread() {
    if (registration_.owner != Owner::none)
      detach();
  }
  RegisteredThread(const RegisteredThread&) = delete;
  RegisteredThread& operator=(const RegisteredThread&) = delete;

  /** What attach() answered. */
  const Registration& registration() const noexcept { return registration_; }

  /** Whether the thread runs sections. If not, its updates go to overflow shards, and totals are exact as well. */
  explicit operator bool() const noexcept { return registration_.owner != Owner::none; }

private:
  Registration registration_;
};

} // namespace percpu

#endif // RSEQ_REGISTERED_THREAD_H
