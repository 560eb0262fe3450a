/**
 * Machine code that must not stand in a critical section, for each architecture.
 *
 * @module
 */
import type { ArchitectureName } from './toolchains.js'

/** Code by the rule that it breaks, and what the tests need beside it. */
export interface BrokenCode {
  nop: Uint8Array
  /** Bytes of the code after the commit up to and with the return. */
  epilogue: number
  /** Where the target is in a conditional branch, and how much of it is one step. */
  branchStep: { offset: number; step: number }
  broken: Readonly<Record<string, Uint8Array>>
}

function x86(...bytes: number[]): Uint8Array {
  return Uint8Array.from(bytes)
}

function word(value: number): Uint8Array {
  return Uint8Array.from([value, value >>> 8, value >>> 16, value >>> 24])
}

export const BROKEN_CODE: Readonly<Record<ArchitectureName, BrokenCode>> = {
  'x86-64': {
    nop: x86(0x90),
    epilogue: 3,
    branchStep: { offset: 1, step: 1 },
    broken: {
      'system-call': x86(0x0f, 0x05), // syscall
      'system-call: int 0x80': x86(0xcd, 0x80),
      call: x86(0xe8, 0, 0, 0, 0), // call .+5
      'call: through a register': x86(0xff, 0xd0), // call *%rax
      return: x86(0xc3), // ret
      'push-pop': x86(0x50), // push %rax
      'push-pop: in memory': x86(0x8f, 0x02), // pop (%rdx)
      'push-pop: the stack pointer moved': x86(0x48, 0x83, 0xec, 0x08), // sub $8,%rsp
      'push-pop: leave': x86(0xc9),
      indirect: x86(0xff, 0xe0), // jmp *%rax
      trap: x86(0xcc), // int3
      'unknown-instruction': x86(0xc5, 0xf8, 0x77), // vzeroupper
      'unknown-instruction: no opcode': x86(0x06),
    },
  },
  arm64: {
    nop: word(0xd503201f),
    epilogue: 8,
    branchStep: { offset: 0, step: 1 << 5 },
    broken: {
      'system-call': word(0xd4000001), // svc #0
      call: word(0x94000001), // bl .+4
      'call: through a register': word(0xd63f0100), // blr x8
      return: word(0xd65f03c0), // ret
      'push-pop': word(0xf81f0fe8), // str x8, [sp, #-16]!
      'push-pop: a pair': word(0xa8c127e8), // ldp x8, x9, [sp], #16
      'push-pop: the stack pointer moved': word(0xd10043ff), // sub sp, sp, #16
      indirect: word(0xd61f0100), // br x8
      trap: word(0xd4200000), // brk #0
      'unknown-instruction': word(0xc85f7c48), // ldxr x8, [x2]
    },
  },
  ppc64le: {
    nop: word(0x60000000),
    epilogue: 8,
    branchStep: { offset: 0, step: 4 },
    broken: {
      'system-call': word(0x44000002), // sc
      call: word(0x48000005), // bl .+4
      'call: through the counter': word(0x4e800421), // bctrl
      return: word(0x4e800020), // blr
      'push-pop': word(0xf821ffe1), // stdu r1, -32(r1)
      'push-pop: the stack pointer moved': word(0x38210020), // addi r1, r1, 32
      indirect: word(0x4e800420), // bctr
      trap: word(0x7fe00008), // trap
      'unknown-instruction': word(0x7d6028a8), // ldarx r11, 0, r5
    },
  },
}
