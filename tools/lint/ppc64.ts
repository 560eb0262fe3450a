/**
 * Power instructions (little-endian words) that may or must not stand in a critical section.
 *
 * Opcodes, forms and extended opcodes are those of the Power ISA (3.1, book I, and the tables of its
 * appendix "Opcode Maps"). Instructions that are not listed are unknown on purpose: reservations (`ldarx`, `stdcx.`),
 * multiple and string moves, vectors, prefixed and privileged instructions.
 *
 * @module
 */
import { type EncodingClass, type Pattern, decodeWord, signedField } from './fixed-width.js'
import type { Architecture, InstructionKind } from './instruction.js'

const OPCODE = 0xfc000000

/** The target register, bits 25 to 21 from the low end, is r1: the stack pointer. */
const toStack: Pattern = { mask: 0x1f << 21, value: 1 << 21 }
/** The register in bits 20 to 16 is the stack pointer: a logical instruction's target, an updating store's base. */
const stackBase: Pattern = { mask: 0x1f << 16, value: 1 << 16 }

/** By primary opcode alone (D, B, I, M and MD forms), or with the low bits under `mask` as well. */
function primary(
  opcode: number,
  kind: InstructionKind,
  name: string,
  stack?: Pattern,
  mask = 0,
  low = 0,
): EncodingClass {
  return { mask: OPCODE | mask, value: (opcode << 26) | low, kind, name, ...(stack && { stack }) }
}

/** By primary and ten-bit extended opcode (X, XL and XO forms, with OE clear). */
function extended(
  opcode: number,
  codes: readonly number[],
  kind: InstructionKind,
  name: string,
  stack?: Pattern,
): EncodingClass[] {
  return codes.map((code) => primary(opcode, kind, name, stack, 0x7fe, code << 1))
}

/** By primary and five-bit extended opcode (A form). */
function aForm(opcode: number, codes: readonly number[], name: string, stack?: Pattern): EncodingClass[] {
  return codes.map((code) => primary(opcode, 'plain', name, stack, 0x3e, code << 1))
}

/** A direct branch; AA, bit 1, makes its target absolute. */
function branch(opcode: number, name: string, bits: number): EncodingClass[] {
  const target = (word: number, address: number): number =>
    signedField(word, 2, bits) * 4 + ((word & 2) === 0 ? address : 0)
  return [
    primary(opcode, 'call', `${name}l`, undefined, 1, 1),
    { ...primary(opcode, 'branch', name), target },
  ]
}

const classes: readonly EncodingClass[] = [
  // Branches, system calls, traps.
  ...branch(18, 'b', 24),
  ...branch(16, 'bc', 14),
  primary(19, 'call', 'bclrl', undefined, 0x7ff, (16 << 1) | 1),
  primary(19, 'return', 'bclr', undefined, 0x7ff, 16 << 1),
  primary(19, 'call', 'bcctrl', undefined, 0x7ff, (528 << 1) | 1),
  primary(19, 'indirect', 'bcctr', undefined, 0x7ff, 528 << 1),
  primary(19, 'call', 'bctarl', undefined, 0x7ff, (560 << 1) | 1),
  primary(19, 'indirect', 'bctar', undefined, 0x7ff, 560 << 1),
  primary(17, 'system-call', 'sc, scv'),
  primary(2, 'trap', 'tdi'),
  primary(3, 'trap', 'twi'),
  ...extended(31, [4, 68], 'trap', 'tw, td'),
  ...extended(19, [0, 33, 129, 193, 225, 257, 289, 417, 449], 'plain', 'condition register'),
  ...extended(19, [150], 'plain', 'isync'),

  // Loads. Those that update also write their base register.
  ...[32, 34, 40, 42].map((opcode) => primary(opcode, 'plain', 'lwz, lbz, lhz, lha', toStack)),
  ...[33, 35, 41, 43].map((opcode) => primary(opcode, 'plain', 'lwzu, lbzu, lhzu, lhau', stackBase)),
  ...[48, 50].map((opcode) => primary(opcode, 'plain', 'lfs, lfd')),
  ...[49, 51].map((opcode) => primary(opcode, 'plain', 'lfsu, lfdu', stackBase)),
  primary(58, 'plain', 'ld', toStack, 3, 0),
  primary(58, 'plain', 'ldu', stackBase, 3, 1),
  primary(58, 'plain', 'lwa', toStack, 3, 2),
  ...extended(31, [21, 23, 87, 279, 341, 343, 532, 534, 790], 'plain', 'load (indexed)', toStack),
  ...extended(31, [53, 55, 119, 311, 373, 375], 'plain', 'load with update (indexed)', stackBase),
  ...extended(31, [535, 599, 855, 887], 'plain', 'load floating point (indexed)'),
  ...extended(31, [567, 631], 'plain', 'load floating point with update (indexed)', stackBase),

  // Stores.
  ...[36, 38, 44].map((opcode) => primary(opcode, 'store', 'stw, stb, sth')),
  ...[37, 39, 45].map((opcode) => primary(opcode, 'store', 'stwu, stbu, sthu', stackBase)),
  ...[52, 54].map((opcode) => primary(opcode, 'store', 'stfs, stfd')),
  ...[53, 55].map((opcode) => primary(opcode, 'store', 'stfsu, stfdu', stackBase)),
  primary(62, 'store', 'std', undefined, 3, 0),
  primary(62, 'store', 'stdu', stackBase, 3, 1),
  ...extended(31, [149, 151, 215, 407, 660, 662, 918], 'store', 'store (indexed)'),
  ...extended(31, [181, 183, 247, 439], 'store', 'store with update (indexed)', stackBase),
  ...extended(31, [663, 727, 983], 'store', 'store floating point (indexed)'),
  ...extended(31, [695, 759], 'store', 'store floating point with update (indexed)', stackBase),

  // Integer arithmetic, comparison, logic, rotation.
  ...[7, 8, 12, 13, 14, 15].map((opcode) => primary(opcode, 'plain', 'addi, addis, mulli, subfic', toStack)),
  ...extended(31, [266, 40, 104, 10, 8, 138, 136, 202, 200, 234, 232], 'plain', 'add, subf, neg', toStack),
  ...extended(31, [9, 11, 73, 75, 233, 235], 'plain', 'mulld, mulhd, mullw, mulhw', toStack),
  ...extended(31, [457, 459, 489, 491], 'plain', 'divd, divw', toStack),
  ...[10, 11].map((opcode) => primary(opcode, 'plain', 'cmpli, cmpi')),
  ...extended(31, [0, 32], 'plain', 'cmp, cmpl'),
  ...[24, 25, 26, 27, 28, 29].map((opcode) => primary(opcode, 'plain', 'ori, xori, andi.', stackBase)),
  ...extended(31, [28, 60, 124, 284, 316, 412, 444, 476], 'plain', 'and, or, xor', stackBase),
  ...extended(31, [24, 27, 536, 539, 792, 794, 824, 826, 827], 'plain', 'shifts', stackBase),
  ...extended(31, [922, 954, 986, 26, 58, 506, 378], 'plain', 'extend, count', stackBase),
  ...[20, 21, 23, 30].map((opcode) => primary(opcode, 'plain', 'rotate', stackBase)),
  ...aForm(31, [15], 'isel', toStack),

  // Special registers, order, cache hints.
  ...extended(31, [19, 339, 371], 'plain', 'mfcr, mfspr, mftb', toStack),
  ...extended(31, [144], 'plain', 'mtcrf'),
  primary(31, 'plain', 'mtlr', undefined, 0x1fffff, (8 << 16) | (467 << 1)),
  primary(31, 'plain', 'mtctr', undefined, 0x1fffff, (9 << 16) | (467 << 1)),
  ...extended(31, [598, 854], 'plain', 'sync, lwsync, eieio'),
  ...extended(31, [246, 278], 'plain', 'dcbt, dcbtst'),

  // Between general and floating-point registers. The lowest bit is part of the register's number.
  ...extended(31, [179], 'plain', 'mtvsrd'),
  ...extended(31, [51], 'plain', 'mfvsrd', stackBase),

  // Scalar floating point.
  ...aForm(59, [18, 20, 21, 22, 24, 25, 26, 28, 29, 30, 31], 'floating point, single'),
  ...aForm(63, [18, 20, 21, 22, 23, 25, 26, 28, 29, 30, 31], 'floating point, double'),
  ...extended(63, [0, 32, 8, 12, 14, 15, 40, 72, 136, 264, 814, 815, 846], 'plain', 'floating point'),
  ...extended(59, [846, 974], 'plain', 'fcfids, fcfidus'),
]

export const ppc64: Architecture = {
  name: 'ppc64le',
  machine: 21,
  signature: 0x0fe5000b,
  relativeRelocation: 22,
  longestInstruction: 4,
  decode(code, offset, address) {
    return decodeWord(classes, code, offset, address)
  },
}
