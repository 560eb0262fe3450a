/**
 * Decodes instructions by table, for architectures whose instructions are 32-bit words.
 *
 * @module
 */
import type { Instruction, InstructionKind } from './instruction.js'

/** A set of words: those whose bits under `mask` equal `value`. */
export interface Pattern {
  readonly mask: number
  readonly value: number
}

/** A class of encodings. */
export interface EncodingClass extends Pattern {
  readonly kind: InstructionKind
  readonly name: string
  /** The encodings of the class that change the stack pointer. */
  readonly stack?: Pattern
  /** Computes the target of a branch from the word and its address. */
  readonly target?: (word: number, address: number) => number
}

function matches(word: number, { mask, value }: Pattern): boolean {
  return (word & mask) >>> 0 === value >>> 0
}

/** Returns `bits` bits of a word from bit `low` (0 is the lowest) as a signed number. */
export function signedField(word: number, low: number, bits: number): number {
  return (word << (32 - low - bits)) >> (32 - bits)
}

/** Makes a decoder that uses the first matching class. */
export function decodeWord(
  classes: readonly EncodingClass[],
  code: Uint8Array,
  offset: number,
  address: number,
): Instruction | undefined {
  if (offset + 4 > code.length) return undefined
  const word = new DataView(code.buffer, code.byteOffset).getUint32(offset, true)
  const found = classes.find((encoding) => matches(word, encoding))
  if (found === undefined) return undefined
  const kind = found.stack && matches(word, found.stack) ? 'push-pop' : found.kind
  const instruction = { length: 4, kind, name: found.name }
  return found.target ? { ...instruction, target: found.target(word, address) } : instruction
}
