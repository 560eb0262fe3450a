/**
 * The keys of a map: texts and bytes, with their hashes.
 *
 * @module
 */
import { toUSVString, types } from 'node:util'
import { rangeError, typeError } from '../core/errors.js'
import { type HashKey, keyedHashOfWords } from '../core/keyed-hash.js'
import { COMPUTING, KeyKind, MOST_KEY_BYTES, lengthsOf } from '../core/map-layout.js'

const EXPECTED = `a string or a Uint8Array of at most ${MOST_KEY_BYTES} bytes`
const ASCII = 0x7f
const WORD_BYTES = 4

/**
 * The key of the call that is being made, in words that can be compared with those of entries. One object serves all calls of a
 * map in a thread: {@link take} puts the next key in.
 */
export class Key {
  /** The bytes of the key; those behind them in the last word are 0. */
  readonly words = new Int32Array(new ArrayBuffer(MOST_KEY_BYTES + WORD_BYTES))
  readonly #bytes = Buffer.from(this.words.buffer)
  readonly #low: number
  readonly #high: number
  /** How many bytes the key has. */
  length = 0
  /** The hash, as a signed number. */
  hash = 0
  /** The length and the kind, as an entry has them in its word `lengths`. */
  part = 0

  constructor([low, high]: HashKey) {
    this.#low = low
    this.#high = high
  }

  /** Puts a key in. @throws TypeError, RangeError unless it is a string or a Uint8Array that is short enough. */
  take(key: unknown): void {
    if (typeof key === 'string') this.#takeText(key)
    else if (types.isUint8Array(key)) this.#takeBytes(key)
    else throw typeError('key', EXPECTED, key)
    this.hash = keyedHashOfWords(this.words, this.length, this.#low, this.#high) | 0
  }

  #takeText(key: string): void {
    const { words } = this
    const { length } = key
    if (length > MOST_KEY_BYTES) throw rangeError('key', EXPECTED, key)
    const whole = length & ~3
    let seen = 0
    for (let k = 0; k < whole; k += 4) {
      const a = key.charCodeAt(k)
      const b = key.charCodeAt(k + 1)
      const c = key.charCodeAt(k + 2)
      const d = key.charCodeAt(k + 3)
      seen |= a | b | c | d
      words[k >>> 2] = a | (b << 8) | (c << 16) | (d << 24)
    }
    if (whole !== length) {
      let word = 0
      for (let k = whole; k < length; k++) {
        const code = key.charCodeAt(k)
        seen |= code
        word |= code << (8 * (k & 3))
      }
      words[length >>> 2] = word
    }
    if (seen > ASCII) this.#takeUtf8(key)
    else this.#set(length, KeyKind.text)
  }

  #takeUtf8(key: string): void {
    const length = Buffer.byteLength(key)
    if (length > MOST_KEY_BYTES) throw rangeError('key', EXPECTED, key)
    // Such halves would all become one character, and several keys one key.
    if (toUSVString(key) !== key)
      throw rangeError('key', 'a string without lone halves of surrogate pairs', key)
    this.words[length >>> 2] = 0
    this.#bytes.write(key, 0, length, 'utf8')
    this.#set(length, KeyKind.text)
  }

  #takeBytes(key: Uint8Array): void {
    const { length } = key
    if (length > MOST_KEY_BYTES) throw rangeError('key', EXPECTED, key)
    this.words[length >>> 2] = 0
    this.#bytes.set(key)
    this.#set(length, KeyKind.bytes)
  }

  #set(length: number, kind: KeyKind): void {
    this.length = length
    this.part = lengthsOf(length, kind, 0)
  }

  /** Makes this the key of the mark that somebody computes the value of the key that was taken. */
  becomeMark(): void {
    this.part |= lengthsOf(0, COMPUTING, 0)
  }
}

/** The key that an entry has in these bytes, which may be overwritten later. */
export function keyFrom(bytes: Buffer, kind: number): string | Uint8Array {
  return kind === KeyKind.text ? bytes.toString('utf8') : Uint8Array.from(bytes)
}
