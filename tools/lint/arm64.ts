/**
 * AArch64 instructions that may or must not stand in a critical section.
 *
 * The classes, and their names, are those of the Arm Architecture Reference Manual (DDI 0487),
 * chapter C4 "A64 Instruction Set Encoding". Instructions that are not listed are unknown on purpose: system registers,
 * exclusives and other atomics, vectors and everything newer.
 *
 * @module
 */
import { type EncodingClass, type Pattern, decodeWord, signedField } from './fixed-width.js'
import type { Architecture, InstructionKind } from './instruction.js'

function encoding(
  mask: number,
  value: number,
  kind: InstructionKind,
  name: string,
  stack?: Pattern,
): EncodingClass {
  return { mask, value, kind, name, ...(stack && { stack }) }
}

function branch(mask: number, value: number, name: string, low: number, bits: number): EncodingClass {
  const target = (word: number, address: number): number => address + 4 * signedField(word, low, bits)
  return { mask, value, kind: 'branch', name, target }
}

/** Rd, bits 4 to 0, is 31. In the classes that refer to this constant, 31 is the stack pointer. */
const toSp: Pattern = { mask: 0x1f, value: 0x1f }
/** The base register, bits 9 to 5, is the stack pointer. */
const onSp: Pattern = { mask: 0x3e0, value: 0x3e0 }

const classes: readonly EncodingClass[] = [
  // Data processing, immediate.
  encoding(0x1f000000, 0x10000000, 'plain', 'adr, adrp'),
  encoding(0x3f800000, 0x11000000, 'plain', 'add, sub (immediate)', toSp),
  encoding(0x3f800000, 0x31000000, 'plain', 'adds, subs (immediate)'),
  encoding(0x7f800000, 0x72000000, 'plain', 'ands (immediate)'),
  encoding(0x1f800000, 0x12000000, 'plain', 'and, orr, eor (immediate)', toSp),
  encoding(0x1f800000, 0x12800000, 'plain', 'move wide (immediate)'),
  encoding(0x1f800000, 0x13000000, 'plain', 'bitfield'),
  encoding(0x1f800000, 0x13800000, 'plain', 'extract'),

  // Branches, exceptions, hints, barriers.
  branch(0xff000010, 0x54000000, 'b.cond', 5, 19),
  branch(0xfc000000, 0x14000000, 'b', 0, 26),
  branch(0x7e000000, 0x34000000, 'cbz, cbnz', 5, 19),
  branch(0x7e000000, 0x36000000, 'tbz, tbnz', 5, 14),
  encoding(0xfc000000, 0x94000000, 'call', 'bl'),
  encoding(0xfffffc1f, 0xd63f0000, 'call', 'blr'),
  encoding(0xfffffc1f, 0xd65f0000, 'return', 'ret'),
  encoding(0xfffffc1f, 0xd61f0000, 'indirect', 'br'),
  encoding(0xfe000000, 0xd6000000, 'indirect', 'unconditional branch (register)'),
  encoding(0xffe0001f, 0xd4000001, 'system-call', 'svc'),
  encoding(0xffe0001f, 0xd4000002, 'system-call', 'hvc'),
  encoding(0xffe0001f, 0xd4000003, 'system-call', 'smc'),
  encoding(0xffe0001f, 0xd4200000, 'trap', 'brk'),
  encoding(0xffe0001f, 0xd4400000, 'trap', 'hlt'),
  encoding(0xffff0000, 0x00000000, 'trap', 'udf'),
  encoding(0xfffff01f, 0xd503201f, 'plain', 'hints (nop, yield, bti)'),
  encoding(0xfffff01f, 0xd503301f, 'plain', 'barriers (dmb, dsb, isb)'),
  encoding(0xfff00000, 0xd5300000, 'plain', 'mrs'),

  // Loads and stores. If opc, bits 23 and 22, is 0, the instruction stores. It also stores if opc is 2 and V, bit 26, is set,
  // for a 128-bit vector register.
  encoding(0x3b000000, 0x18000000, 'plain', 'load register (literal)'),
  encoding(0x3bc00000, 0x28800000, 'store', 'stp (post-indexed)', onSp),
  encoding(0x3bc00000, 0x29800000, 'store', 'stp (pre-indexed)', onSp),
  encoding(0x3ac00000, 0x28000000, 'store', 'stp, stnp'),
  encoding(0x3bc00000, 0x28c00000, 'plain', 'ldp (post-indexed)', onSp),
  encoding(0x3bc00000, 0x29c00000, 'plain', 'ldp (pre-indexed)', onSp),
  encoding(0x3ac00000, 0x28400000, 'plain', 'ldp, ldnp'),
  ...(
    [
      [0x3fc00000, 0x39000000, 'str (unsigned offset)'],
      [0x3fe00400, 0x38000000, 'stur, sttr'],
      [0x3fe00400, 0x38000400, 'str (pre- or post-indexed)', onSp],
      [0x3fe00c00, 0x38200800, 'str (register offset)'],
    ] as const
  ).flatMap(([mask, value, name, stack]) => [
    encoding(mask, value, 'store', name, stack),
    encoding(mask, value | 0x04000000, 'store', `${name}, vector`, stack),
    encoding(mask, value | 0x04800000, 'store', `${name}, 128-bit vector`, stack),
  ]),
  encoding(0x3b000000, 0x39000000, 'plain', 'ldr (unsigned offset)'),
  encoding(0x3b200400, 0x38000000, 'plain', 'ldur, ldtr'),
  encoding(0x3b200400, 0x38000400, 'plain', 'ldr (pre- or post-indexed)', onSp),
  encoding(0x3b200c00, 0x38200800, 'plain', 'ldr (register offset)'),
  encoding(0x3fe00000, 0x08800000, 'store', 'stlr, stllr'),
  encoding(0x3fe00000, 0x08c00000, 'plain', 'ldar, ldlar'),
  encoding(0x3ffffc00, 0x38bfc000, 'plain', 'ldapr'),

  // Data processing, register.
  encoding(0x1f000000, 0x0a000000, 'plain', 'logical (shifted register)'),
  encoding(0x1f200000, 0x0b000000, 'plain', 'add, sub (shifted register)'),
  encoding(0x3fe00000, 0x0b200000, 'plain', 'add, sub (extended register)', toSp),
  encoding(0x3fe00000, 0x2b200000, 'plain', 'adds, subs (extended register)'),
  encoding(0x1fe0fc00, 0x1a000000, 'plain', 'adc, sbc'),
  encoding(0x3fe00410, 0x3a400000, 'plain', 'conditional compare'),
  encoding(0x3fe00800, 0x1a800000, 'plain', 'conditional select'),
  encoding(0x7fe00000, 0x5ac00000, 'plain', 'data processing (1 source)'),
  encoding(0x7fe00000, 0x1ac00000, 'plain', 'data processing (2 source)'),
  encoding(0x7f000000, 0x1b000000, 'plain', 'data processing (3 source)'),

  // Scalar floating point.
  encoding(0x7f200000, 0x1e000000, 'plain', 'conversion, floating point and fixed point'),
  encoding(0x7f200000, 0x1e200000, 'plain', 'floating point'),
  encoding(0xff000000, 0x1f000000, 'plain', 'floating point (3 source)'),
]

export const arm64: Architecture = {
  name: 'arm64',
  machine: 183,
  signature: 0xd428bc00,
  relativeRelocation: 1027,
  longestInstruction: 4,
  decode(code, offset, address) {
    return decodeWord(classes, code, offset, address)
  },
}
