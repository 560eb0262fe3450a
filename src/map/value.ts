/**
 * The values of a map, as bytes and back.
 *
 * @module
 */
import { toUSVString, types } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { RegionCorruptError, typeError } from '../core/errors.js'
import { type HashKey, keyedHashOfWords } from '../core/keyed-hash.js'
import { ValueType, wordsFor } from '../core/map-layout.js'

const WORD_BYTES = 4
const NUMBER_BYTES = 8
/** Shorter texts are read character by character, which is faster than a call of native code. */
const SHORT = 48
const ASCII = 0x7f
const FIRST_BYTES = 4096

/** The error for bytes that no writer has left. */
export function corrupt(): RegionCorruptError {
  return new RegionCorruptError(
    'map: expected entries that its writers have made, got others: something has overwritten them',
  )
}

/**
 * A value, encoded in private memory: on its way into a map, or out of it. One object serves all calls of a map in a thread.
 */
export class Value {
  /** The bytes of the value; the last word may have others behind them. */
  words = new Int32Array(new ArrayBuffer(FIRST_BYTES))
  bytes = Buffer.from(this.words.buffer)
  /** The bytes as an array whose slices are plain ones, too. */
  #plain = new Uint8Array(this.words.buffer)
  #doubles = new Float64Array(this.words.buffer, 0, 1)
  /** The bytes, if they are the caller's and were not copied into {@link words}. */
  source: Uint8Array | undefined
  type: ValueType = ValueType.bytes
  /** How many bytes the value has. */
  length = 0
  /** Whether the bytes went to the caller's words instead of {@link words}. */
  isInTarget = false
  /** The words of the entry that it was read from: see `versionOf` and `expiryOf`. */
  version = 0
  highHalves = 0
  expiry = 0
  readonly #key: HashKey

  /** @param key - a secret: the checksums of structured values are made with it. */
  constructor(key: HashKey) {
    this.#key = key
  }

  /** Makes room for so many bytes. */
  reserve(length: number): void {
    if (length <= this.bytes.length) return
    this.words = new Int32Array(new ArrayBuffer(Math.ceil(length / FIRST_BYTES) * FIRST_BYTES * 2))
    this.bytes = Buffer.from(this.words.buffer)
    this.#plain = new Uint8Array(this.words.buffer)
    this.#doubles = new Float64Array(this.words.buffer, 0, 1)
  }

  /** Encodes a value. @throws TypeError for undefined; the errors of structured cloning for what cannot be cloned. */
  encode(value: unknown): void {
    this.source = undefined
    if (typeof value === 'string') this.#encodeText(value)
    else if (typeof value === 'number') this.encodeNumber(value)
    else if (types.isUint8Array(value)) {
      this.source = value
      this.#set(ValueType.bytes, value.length)
    } else if (value === undefined) {
      throw typeError('value', 'a value other than undefined, which means that a key is not there', value)
    } else this.#encodeStructured(value)
  }

  encodeNumber(value: number): void {
    this.source = undefined
    this.#doubles[0] = value
    this.#set(ValueType.number, NUMBER_BYTES)
  }

  /** Encodes two 32-bit numbers. */
  encodePair(first: number, second: number): void {
    this.source = undefined
    this.words[0] = first
    this.words[1] = second
    this.#set(ValueType.bytes, 2 * WORD_BYTES)
  }

  #set(type: ValueType, length: number): void {
    this.type = type
    this.length = length
  }

  #encodeText(value: string): void {
    const { length } = value
    if (length <= SHORT && this.#encodeShort(value)) return
    const bytes = Buffer.byteLength(value)
    this.reserve(bytes)
    if (bytes === length) {
      this.bytes.write(value, 0, length, 'latin1')
      this.#set(ValueType.latin1, length)
    } else if (toUSVString(value) === value) {
      this.bytes.write(value, 0, bytes, 'utf8')
      this.#set(ValueType.utf8, bytes)
    } else this.#encodeStructured(value)
  }

  /** Returns false if the text has other characters than those of ASCII. */
  #encodeShort(value: string): boolean {
    const { length } = value
    let word = 0
    let seen = 0
    for (let k = 0; k < length; k++) {
      const code = value.charCodeAt(k)
      seen |= code
      word |= code << (8 * (k & 3))
      if ((k & 3) === 3 || k === length - 1) {
        this.words[k >>> 2] = word
        word = 0
      }
    }
    this.#set(ValueType.latin1, length)
    return seen <= ASCII
  }

  #encodeStructured(value: unknown): void {
    const made = serialize(value)
    const length = WORD_BYTES + made.length
    this.reserve(length)
    this.bytes.set(made, WORD_BYTES)
    this.#set(ValueType.structured, length)
    this.words[0] = this.#checksum()
  }

  /** The keyed hash of a structured value, without its first word, which holds it. */
  #checksum(): number {
    const words = this.words.slice(1, wordsFor(this.length))
    const bytes = this.length - WORD_BYTES
    const rest = bytes % WORD_BYTES
    const last = words.length - 1
    if (rest !== 0) words[last] = (words[last] as number) & ((1 << (8 * rest)) - 1)
    return keyedHashOfWords(words, bytes, ...this.#key) | 0
  }

  /** Decodes the value. @throws RegionCorruptError if its bytes are none that {@link encode} makes. */
  decode(): unknown {
    const { bytes, length } = this
    switch (this.type) {
      case ValueType.bytes:
        return this.#plain.slice(0, length)
      case ValueType.latin1:
        return bytes.toString('latin1', 0, length)
      case ValueType.utf8:
        return bytes.toString('utf8', 0, length)
      case ValueType.number:
        return this.#doubles[0]
      case ValueType.structured:
        return this.#decodeStructured()
      default:
        throw corrupt()
    }
  }

  /**
   * V8's deserialiser is not made for bytes that something scribbled: the checksum, whose key is the map's own, tells them
   * apart from what {@link encode} made.
   */
  #decodeStructured(): unknown {
    const { bytes, length } = this
    if (length <= WORD_BYTES || this.words[0] !== this.#checksum()) throw corrupt()
    // A copy, because typed arrays of the value share the memory that they are read from.
    return deserialize(new Uint8Array(bytes.subarray(WORD_BYTES, length)))
  }
}
