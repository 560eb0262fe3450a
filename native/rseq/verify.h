/**
 * @file
 * A self-test of the machine: do its kernel and CPU really abort sections, and are totals exact?
 *
 * Worth asking: an emulator may accept the registration and never abort, and from Linux 6.19 some
 * arm64 kernels stopped aborting a section when another thread of the same CPU preempts it.
 */
#ifndef RSEQ_VERIFY_H
#define RSEQ_VERIFY_H

#include <cstdint>

namespace rseq {

/** How far verify() got. The numbers are part of the binding: src/verify.ts has the words. */
enum class VerifyError : uint32_t {
  none = 0,
  not_registered = 1, ///< The thread has no registered area: nothing to verify.
  no_thread = 2,      ///< A thread could not be made.
  no_pin = 3,         ///< The threads could not be pinned to one CPU.
  no_signal = 4,      ///< No free real-time signal, or no timer.
};

/** What verify() saw. `error` other than none: the rest is not complete. */
struct Verification {
  VerifyError error;
  int32_t system_error;       ///< errno, where `error` comes from a system call.
  uint32_t cpu;               ///< The CPU that the threads were pinned to.
  uint32_t signals;           ///< Signals that arrived inside a section.
  uint32_t signal_aborts;     ///< Sections that ended as aborted by such a signal. Must equal `signals`.
  uint32_t preemption_tries;  ///< Sections longer than a time slice, run by two threads on one CPU.
  uint32_t preemption_aborts; ///< Those that were aborted. Must not be 0.
  int64_t expected;           ///< Additions that two threads on one CPU made with sections ...
  int64_t counted;            ///< ... and the total they left. Must be equal.
  uint64_t aborts;            ///< Aborts during those additions, each repeated.
  int64_t control_expected;   ///< The same with a plain load and store ...
  int64_t control_counted;    ///< ... which loses updates wherever preemption falls in between.
};

/** True if `seen` shows what the kernel promises. The control is not part of it: it may pass by luck. */
bool passed(const Verification& seen) noexcept;

/**
 * Runs the self-test: about a quarter of a second, bounded by some seconds on a busy machine. Makes
 * two threads and, for its duration, a handler for one real-time signal that nobody uses. Not to be
 * called by two threads at once.
 */
Verification verify() noexcept;

} // namespace rseq

#endif // RSEQ_VERIFY_H
