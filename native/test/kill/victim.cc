#include "victim.h"

#include "../interleave/machine.h"

#include <csignal>
#include <cstring>
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace percpu::kill_test {
namespace {

using interleave::BreakpointCode;

#if defined(__x86_64__)
using Registers = user_regs_struct;
uintptr_t pc_of(const Registers& registers) {
  return registers.rip;
}
void set_pc(Registers& registers, uintptr_t address) {
  registers.rip = address;
}
#elif defined(__aarch64__)
using Registers = user_regs_struct;
uintptr_t pc_of(const Registers& registers) {
  return registers.pc;
}
void set_pc(Registers& registers, uintptr_t address) {
  registers.pc = address;
}
#elif defined(__powerpc64__)
using Registers = pt_regs;
uintptr_t pc_of(const Registers& registers) {
  return registers.nip;
}
void set_pc(Registers& registers, uintptr_t address) {
  registers.nip = address;
}
#endif

void* word(uintptr_t value) {
  return reinterpret_cast<void*>(value);
}

Registers read_registers(pid_t pid) {
  Registers registers = {};
  iovec where = {&registers, sizeof(registers)};
  ptrace(PTRACE_GETREGSET, pid, word(NT_PRSTATUS), &where);
  return registers;
}

/** Replaces the first bytes at an address of the child. */
void write_code(pid_t pid, uintptr_t address, BreakpointCode code) {
  long bytes = ptrace(PTRACE_PEEKTEXT, pid, word(address), nullptr);
  memcpy(&bytes, &code, sizeof(code));
  ptrace(PTRACE_POKETEXT, pid, word(address), bytes);
}

} // namespace

Victim::Victim(const std::function<void()>& body) {
  pid = fork();
  if (pid == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    body();
    _exit(0);
  }
  int status = 0;
  if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
    ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_EXITKILL);
}

void Victim::plant(uintptr_t address) const {
  write_code(pid, address, interleave::kBreakpointCode);
}

void Victim::lift(uintptr_t address) const {
  // The child's code is that of this program, which has no breakpoints now.
  BreakpointCode original;
  memcpy(&original, reinterpret_cast<const void*>(address), sizeof(original));
  write_code(pid, address, original);
}

bool Victim::wait_for_trap() {
  int status = 0;
  for (;;) {
    if (waitpid(pid, &status, 0) != pid)
      return false;
    if (!WIFSTOPPED(status)) {
      finished = WIFEXITED(status) && WEXITSTATUS(status) == 0;
      pid = 0;
      return false;
    }
    if (WSTOPSIG(status) == SIGTRAP)
      return true;
    // Another signal, for example one that was sent to the whole group: it is delivered.
    ptrace(PTRACE_CONT, pid, nullptr, WSTOPSIG(status));
  }
}

bool Victim::run_to_breakpoint() {
  ptrace(PTRACE_CONT, pid, nullptr, nullptr);
  if (!wait_for_trap())
    return false;
  if (interleave::kStopsBehind != 0)
    set_program_counter(program_counter() - interleave::kStopsBehind);
  return true;
}

bool Victim::step() {
  ptrace(PTRACE_SINGLESTEP, pid, nullptr, nullptr);
  return wait_for_trap();
}

uintptr_t Victim::program_counter() const {
  return pc_of(read_registers(pid));
}

#if defined(__x86_64__)
uintptr_t Victim::word_on_stack() const {
  return static_cast<uintptr_t>(ptrace(PTRACE_PEEKDATA, pid, word(read_registers(pid).rsp), nullptr));
}
#endif

void Victim::set_program_counter(uintptr_t address) const {
  Registers registers = read_registers(pid);
  set_pc(registers, address);
  iovec where = {&registers, sizeof(registers)};
  ptrace(PTRACE_SETREGSET, pid, word(NT_PRSTATUS), &where);
}

void Victim::kill_now() {
  if (pid > 0) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  pid = 0;
}

} // namespace percpu::kill_test
