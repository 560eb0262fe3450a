#include "trace.h"

#include "breakpoint.h"
#include "fake_area.h"
#include "traps.h"

namespace percpu::interleave {
namespace {

/**
 * The length of an x86-64 branch or return, 0 for all others: their end is where the next step
 * begins, that of a branch need not be.
 */
uintptr_t branch_length(uintptr_t address) {
  const auto* code = reinterpret_cast<const uint8_t*>(address);
  if (code[0] == 0xeb || (code[0] & 0xf0) == 0x70) // jmp and jcc, 8-bit displacement
    return 2;
  if (code[0] == 0xe9) // jmp, 32-bit displacement
    return 5;
  if (code[0] == 0x0f && (code[1] & 0xf0) == 0x80) // jcc, 32-bit displacement
    return 6;
  return code[0] == 0xc3 ? 1 : 0; // ret
}

constexpr uintptr_t kPauseLength = 2;

bool is_pause(uintptr_t address) {
  const auto* code = reinterpret_cast<const uint8_t*>(address);
  return code[0] == 0xf3 && code[1] == 0x90;
}

class Tracer : public TrapListener {
public:
  /** A function of fixed-length instructions need not be followed, only entered. */
  explicit Tracer(Section& traced)
      : section(traced), breakpoint(kInstructionLength == 0 ? traced.entry : traced.start) {
    breakpoint.plant();
  }

  bool on_trap(ucontext_t& context) override {
    if (!entered) {
      entered = true;
      if (program_counter(context) != breakpoint.address + kStopsBehind)
        return false;
      breakpoint.lift();
      set_program_counter(context, breakpoint.address);
    } else {
      note(program_counter(context));
    }
    last = program_counter(context);
    set_single_step(context, last >= section.entry && last < section.end);
    return true;
  }

  bool entered = false;

private:
  /** The instruction before this stop is known now. */
  void note(uintptr_t next) {
    uintptr_t at = last;
    // QEMU does not stop behind a pause, but behind what follows it.
    if (kInstructionLength == 0 && is_pause(at) && next != at + kPauseLength) {
      section.instructions[at] = at + kPauseLength;
      at += kPauseLength;
    }
    const uintptr_t length = branch_length(at);
    section.instructions[at] = length != 0 ? at + length : next;
  }

  Section& section;
  Breakpoint breakpoint;
  uintptr_t last = 0;
};

} // namespace

bool trace(const Operation& operation, const Call& call, Section& section) {
  Tracer tracer(section);
  {
    FakeArea unarmed; // An armed section could not be single-stepped: each stop would abort it.
    operation.run(call);
  }
  if (tracer.entered && kInstructionLength != 0)
    for (uintptr_t at = section.entry; at < section.abort - sizeof(uint32_t); at += kInstructionLength)
      section.instructions[at] = at + kInstructionLength;
  return tracer.entered;
}

} // namespace percpu::interleave
