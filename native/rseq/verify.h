/**
 * @file
 * A self-test of the machine: it proves that kernel and CPU abort sections, and that totals are exact.
 *
 * Some machines fail it: an emulator may accept the registration and never abort, and some arm64 kernels from
 * Linux 6.19 on do not abort a section when another thread preempts it on its CPU.
 */
#ifndef RSEQ_VERIFY_H
#define RSEQ_VERIFY_H

#include <cstdint>

namespace percpu {

/** Why verify() could not finish. The numbers are part of the binding: src/thread/verify.ts has the messages. */
enum class VerifyError : uint32_t {
  none = 0,
  not_registered = 1, ///< The thread has no registered area.
  no_thread = 2,      ///< pthread_create() failed.
  no_pin = 3,         ///< The threads could not be pinned to one CPU.
  no_signal = 4,      ///< The process uses all real-time signals, or a timer could not be made.
};

/** The results of verify(). If `error` is not `none`, the other results are incomplete. */
struct Verification {
  VerifyError error;
  int32_t system_error;       ///< errno, if `error` comes from a system call.
  uint32_t cpu;               ///< The CPU that the threads were pinned to.
  uint32_t signals;           ///< Signals that arrived inside a section.
  uint32_t signal_aborts;     ///< Sections that ended as aborted by such a signal. Must equal `signals`.
  uint32_t preemption_tries;  ///< Sections longer than a time slice, run by two threads on one CPU.
  uint32_t preemption_aborts; ///< Those that were aborted. Must not be 0.
  int64_t expected;           ///< Additions that two threads on one CPU made with sections.
  int64_t counted;            ///< The total of these additions. Must equal `expected`.
  uint64_t aborts;            ///< Aborts during these additions. The thread repeats an aborted addition.
  int64_t control_expected;   ///< Additions that the two threads made with a plain load and store.
  int64_t control_counted;    ///< The total of the plain additions: smaller if a preemption lost an update.
};

/** Whether `seen` proves that the kernel aborts sections. Ignores the control, which may lose no update by luck. */
bool passed(const Verification& seen) noexcept;

/**
 * Runs the self-test, which takes about a quarter of a second; some seconds at most on a busy machine. It makes two
 * threads and, while it runs, handles one real-time signal that the process does not use. Thread-safe: concurrent calls
 * run one after the other. Where libc registers no threads, the calling thread must have called attach().
 *
 * @param again true: run the test even if this process has run it before. false: return the last result if there is
 * one.
 */
Verification verify(bool again = true) noexcept;

/**
 * Whether threads may run sections only after verify() has passed: on arm64 from Linux 6.19 on, as some of these
 * kernels do not abort a section when another thread preempts it on its CPU, and no version or feature bit tells which.
 * A release that cannot be parsed, or is older than rseq itself, needs the test, too.
 *
 * @param machine from uname(), such as "aarch64"; a 64-bit process with a 32-bit personality reads "armv8l".
 * @param release from uname(), such as "6.19.3-arm64" or "7.0-rc1+".
 */
bool needs_self_test(const char* machine, const char* release) noexcept;

} // namespace percpu

#endif // RSEQ_VERIFY_H
