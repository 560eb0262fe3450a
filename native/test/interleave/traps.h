/**
 * @file
 * SIGTRAP, handed to the object that waits for it.
 */
#ifndef RSEQ_INTERLEAVE_TRAPS_H
#define RSEQ_INTERLEAVE_TRAPS_H

#include <csignal>
#include <ucontext.h>

namespace percpu::interleave {

/** Is told of every trap while it lives; at most one lives at a time. */
class TrapListener {
public:
  TrapListener() { current = this; }
  TrapListener(const TrapListener&) = delete;
  TrapListener& operator=(const TrapListener&) = delete;

  /** In the signal handler. False if this was no trap of its own: then the program ends with a core. */
  virtual bool on_trap(ucontext_t& context) = 0;

  /** The handler for SIGTRAP. */
  static void handle(int number, siginfo_t*, void* context) {
    if (current == nullptr || !current->on_trap(*static_cast<ucontext_t*>(context))) {
      signal(number, SIG_DFL);
      raise(number);
    }
  }

protected:
  ~TrapListener() { current = nullptr; }

private:
  inline static TrapListener* current = nullptr;
};

/** Makes TrapListener::handle the handler. Until then, traps end the program. */
inline void catch_traps() {
  struct sigaction action = {};
  action.sa_sigaction = TrapListener::handle;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGTRAP, &action, nullptr);
}

} // namespace percpu::interleave

#endif // RSEQ_INTERLEAVE_TRAPS_H
