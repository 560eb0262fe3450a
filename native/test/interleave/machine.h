/**
 * @file
 * What differs between the architectures: the breakpoint, the program counter of a stopped thread,
 * and the single step where the CPU lets a process have it.
 */
#ifndef RSEQ_INTERLEAVE_MACHINE_H
#define RSEQ_INTERLEAVE_MACHINE_H

#include <cstdint>
#include <ucontext.h>
#if defined(__powerpc64__)
#include <asm/ptrace.h>
#endif

namespace percpu::interleave {

#if defined(__x86_64__)

constexpr const char* kMachine = "x86-64";
using BreakpointCode = uint8_t;
constexpr BreakpointCode kBreakpointCode = 0xcc; // int3
/** Length of every instruction, 0 where it varies. */
constexpr uintptr_t kInstructionLength = 0;
/** How far behind the breakpoint the thread stands when it has hit it. */
constexpr uintptr_t kStopsBehind = 1;

inline uintptr_t program_counter(const ucontext_t& context) {
  return static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RIP]);
}
inline void set_program_counter(ucontext_t& context, uintptr_t address) {
  context.uc_mcontext.gregs[REG_RIP] = static_cast<greg_t>(address);
}
/** Whether the thread is to stop again after its next instruction. */
inline void set_single_step(ucontext_t& context, bool on) {
  constexpr greg_t kTrapFlag = 0x100;
  greg_t& flags = context.uc_mcontext.gregs[REG_EFL];
  flags = on ? flags | kTrapFlag : flags & ~kTrapFlag;
}

#elif defined(__aarch64__)

constexpr const char* kMachine = "arm64";
using BreakpointCode = uint32_t;
constexpr BreakpointCode kBreakpointCode = 0xd4200000; // brk #0
constexpr uintptr_t kInstructionLength = 4;
constexpr uintptr_t kStopsBehind = 0;

inline uintptr_t program_counter(const ucontext_t& context) {
  return context.uc_mcontext.pc;
}
inline void set_program_counter(ucontext_t& context, uintptr_t address) {
  context.uc_mcontext.pc = address;
}
inline void set_single_step(ucontext_t&, bool) {}

#elif defined(__powerpc64__)

constexpr const char* kMachine = "ppc64le";
using BreakpointCode = uint32_t;
constexpr BreakpointCode kBreakpointCode = 0x7fe00008; // trap
constexpr uintptr_t kInstructionLength = 4;
constexpr uintptr_t kStopsBehind = 0;

inline uintptr_t program_counter(const ucontext_t& context) {
  return context.uc_mcontext.gp_regs[PT_NIP];
}
inline void set_program_counter(ucontext_t& context, uintptr_t address) {
  context.uc_mcontext.gp_regs[PT_NIP] = address;
}
inline void set_single_step(ucontext_t&, bool) {}

#endif

} // namespace percpu::interleave

#endif // RSEQ_INTERLEAVE_MACHINE_H
