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

export function fromBits(value: bigint): number {
  bits[0] = value
  return double[0] as number
}

/** All NaNs that are stored are one. */
const THE_NAN = 0x7ff8000000000000n

/** A number that the element takes as the word of an array: the twin of `to_word()` in the addon. */
export function toWord(element: ArrayElement, value: number): bigint {
  if (element === 'f64') return Number.isNaN(value) ? THE_NAN : toBits(value)
  return element === 'i32' ? BigInt.asIntN(32, BigInt(value)) : BigInt(value)
}

export function fromWord(element: ArrayElement, word: bigint): number {
  return element === 'f64' ? fromBits(word) : Number(word)
}

/** Whether a word is what an element of its type may be: all are, but for an i32 of more than 32 bits. */
export function isSound(element: ArrayElement, word: bigint): boolean {
  return element !== 'i32' || BigInt.asIntN(32, word) === word
}

/** The sum of two words, as the sections make it. */
export function sumOf(element: ArrayElement, word: bigint, delta: bigint): bigint {
  if (element === 'f64') return toBits(fromWord(element, word) + fromWord(element, delta))
  return BigInt.asIntN(element === 'i32' ? 32 : 64, word + delta)
}
