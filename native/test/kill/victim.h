/**
 * @file
 * A forked child that is stopped at an instruction by a breakpoint, and killed there.
 */
#ifndef RSEQ_KILL_VICTIM_H
#define RSEQ_KILL_VICTIM_H

#include <cstdint>
#include <functional>
#include <sys/types.h>

namespace percpu::kill_test {

/** A traced child. It stands at the beginning of `body` and is killed at the end of the object's life. */
class Victim {
public:
  explicit Victim(const std::function<void()>& body);
  ~Victim() { kill_now(); }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  /** Whether it stands somewhere. If not, it has ended. */
  bool is_there() const { return pid > 0; }
  /** Whether it ended because `body` returned. */
  bool has_finished() const { return finished; }

  /** Replaces an instruction by a breakpoint. */
  void plant(uintptr_t address) const;
  /** Writes the original instruction back. */
  void lift(uintptr_t address) const;
  /** Lets it run into a breakpoint, and puts it back before that instruction. False if it ended. */
  bool run_to_breakpoint();
  /** Executes one instruction. False if it ended. */
  bool step();

  uintptr_t program_counter() const;
#if defined(__x86_64__)
  /** The word on top of its stack: at the first instruction of a function, where it will return to. */
  uintptr_t word_on_stack() const;
#endif

  /** SIGKILL. It is gone afterwards. */
  void kill_now();

private:
  bool wait_for_trap();
  void set_program_counter(uintptr_t address) const;

  pid_t pid = 0;
  bool finished = false;
};

} // namespace percpu::kill_test

#endif // RSEQ_KILL_VICTIM_H
