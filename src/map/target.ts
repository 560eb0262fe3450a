/**
 * Copies values to the caller's bytes.
 *
 * @module
 */
import { types } from 'node:util'
import { typeError } from '../core/errors.js'
import type { Value } from './value.js'

const WORD_BYTES = 4
/** Longer values are copied by native code. */
const SHORT_BYTES = 256

/** Where the last value was copied to. A reader mostly gives one array again and again, and its words are copied faster. */
export class Target {
  #bytes: Uint8Array | undefined
  #words: Int32Array = new Int32Array(0)

  /** Returns the words of the caller's bytes, none if these are not aligned. @throws TypeError unless they are a Uint8Array. */
  wordsOf(bytes: unknown): Int32Array {
    if (bytes !== this.#bytes) this.#remember(bytes)
    return this.#words
  }

  /** Copies a value to the beginning of `bytes`, the last of {@link wordsOf}, which are long enough. */
  copy(value: Value, bytes: Uint8Array): void {
    const { length } = value
    if (length > SHORT_BYTES) {
      bytes.set(value.bytes.subarray(0, length))
      return
    }
    const from = value.words
    const into = this.#words
    const whole = Math.min(length >>> 2, into.length)
    for (let k = 0; k < whole; k++) into[k] = from[k] as number
    for (let k = WORD_BYTES * whole; k < length; k++) bytes[k] = (from[k >>> 2] as number) >>> (8 * (k & 3))
  }

  #remember(bytes: unknown): void {
    if (!types.isUint8Array(bytes)) throw typeError('bytes', 'a Uint8Array', bytes)
    this.#bytes = bytes
    const isAligned = bytes.byteOffset % WORD_BYTES === 0
    this.#words = new Int32Array(
      bytes.buffer,
      isAligned ? bytes.byteOffset : 0,
      isAligned ? bytes.length >>> 2 : 0,
    )
  }
}
