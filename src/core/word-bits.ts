/**
 * Numbers as the 64 bits of a word, and back.
 *
 * @module
 */
import type { ArrayElement } from './layout.js'

const double = new Float64Array(1)
const bits = new BigInt64Array(double.buffer)

/** The bits of a double. */
export function toBits(value: number): bigint {
  double[0] = value
  return bits[0] as bigint
}

/** The double that has these bits. */
export function fromBits(value: bigint): number {
  bits[0] = value
  return double[0] as number
}

/** The one form in which NaNs are stored. */
const THE_NAN = 0x7ff8000000000000n

/** Encodes a number as a word of an array. The counterpart of `to_word()` in the addon. */
export function toWord(element: ArrayElement, value: number): bigint {
  if (element === 'f64') return Number.isNaN(value) ? THE_NAN : toBits(value)
  return element === 'i32' ? BigInt.asIntN(32, BigInt(value)) : BigInt(value)
}

/** Decodes a word of an array. */
export function fromWord(element: ArrayElement, word: bigint): number {
  return element === 'f64' ? fromBits(word) : Number(word)
}

/** Whether the element's type allows the bits of a word. Only an i32 word can be wrong, if its value needs over 32 bits. */
export function isSound(element: ArrayElement, word: bigint): boolean {
  return element !== 'i32' || BigInt.asIntN(32, word) === word
}

/** The sum of two words: wrapped at 32 bits (i32) or 64 bits (i64), or added as doubles (f64), like the sections do. */
export function sumOf(element: ArrayElement, word: bigint, delta: bigint): bigint {
  if (element === 'f64') return toBits(fromWord(element, word) + fromWord(element, delta))
  return BigInt.asIntN(element === 'i32' ? 32 : 64, word + delta)
}
