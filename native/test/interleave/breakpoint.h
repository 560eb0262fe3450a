/**
 * @file
 * A breakpoint in the program's own code.
 */
#ifndef RSEQ_INTERLEAVE_BREAKPOINT_H
#define RSEQ_INTERLEAVE_BREAKPOINT_H

#include "machine.h"
#include "section_table.h"

namespace percpu::interleave {

/** Lets the program write the code of its sections. False, with errno, if the system forbids it. */
bool make_writable(const std::vector<Section>& sections);

/** One instruction that stops the thread (SIGTRAP) while planted. Signal-safe. */
class Breakpoint {
public:
  explicit Breakpoint(uintptr_t at);
  ~Breakpoint() { lift(); }
  Breakpoint(const Breakpoint&) = delete;
  Breakpoint& operator=(const Breakpoint&) = delete;

  void plant() { write(kBreakpointCode); }
  /** Harmless if it is not planted. */
  void lift() {
    if (planted)
      write(original);
  }

  const uintptr_t address;

private:
  void write(BreakpointCode code);
  const BreakpointCode original;
  bool planted = false;
};

} // namespace percpu::interleave

#endif // RSEQ_INTERLEAVE_BREAKPOINT_H
