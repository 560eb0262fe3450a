/**
 * Decodes UTF-8 like the C library does for `wc`, piece by piece. A piece may end inside a character.
 *
 * @module
 */
import { Effect, type WordRule, effectOf, effectOfInvalid } from './characters.js'

/** The bytes of a character by its first byte; 0 if no character begins with it. C libraries still accept 5 and 6 bytes. */
const LENGTHS = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte < 0xc2) return 0
  if (byte < 0xe0) return 2
  if (byte < 0xf0) return 3
  if (byte < 0xf8) return 4
  if (byte < 0xfc) return 5
  return byte < 0xfe ? 6 : 0
})

/** The least code point for each length in bytes. A lesser code point of that length is encoded overlong. */
const LEAST = [0, 0, 0x80, 0x800, 0x1_0000, 0x20_0000, 0x400_0000]

/** The bit that marks a filled entry of the cache. No effect has this bit. */
const KNOWN = 0x80

const INVALID = -1

/** Decodes characters to their effects. After a call, {@link effect} is the last character's. */
export class Utf8Decoder {
  effect: number = Effect.none

  readonly #rule: WordRule
  readonly #invalid: number
  readonly #effects = new Uint8Array(0x11_0000)

  // If the end of a piece cut a character: its bits so far, its length in bytes, and the number of missing bytes.
  #bits = 0
  #length = 0
  #missing = 0

  constructor(rule: WordRule) {
    this.#rule = rule
    this.#invalid = effectOfInvalid(rule)
  }

  /** Whether the last piece ended inside a character, which {@link resume} continues. */
  get pending(): boolean {
    return this.#missing !== 0
  }

  /** Forgets the pending character; its bytes have the effect of invalid ones. */
  abandon(): void {
    this.effect = this.pending ? this.#invalid : Effect.none
    this.#missing = 0
  }

  /** Decodes the character that begins at `from` in a piece that ends at `to`. Returns where the next character begins. */
  decode(bytes: Uint8Array, from: number, to: number): number {
    const first = bytes[from] as number
    const length = LENGTHS[first] as number
    if (length !== 0) {
      this.#bits = first & (0x7f >> length)
      this.#length = length
      this.#missing = length - 1
      const next = this.#complete(bytes, from + 1, to)
      if (next !== INVALID) return next
      this.#missing = 0
    }
    this.effect = this.#invalid
    return from + 1
  }

  /**
   * Continues the pending character at the start of the next piece. Returns where the next character
   * begins. That is 0 if the bytes of this piece do not continue the pending character.
   */
  resume(bytes: Uint8Array, to: number): number {
    const next = this.#complete(bytes, 0, to)
    if (next !== INVALID) return next
    this.abandon()
    return 0
  }

  /** Reads as many of the missing bytes as the piece has. Changes nothing if they are invalid. */
  #complete(bytes: Uint8Array, from: number, to: number): number {
    const wanted = from + this.#missing
    const end = wanted < to ? wanted : to
    let bits = this.#bits
    for (let i = from; i < end; i++) {
      const byte = bytes[i] as number
      if ((byte & 0xc0) !== 0x80) return INVALID
      bits = (bits << 6) | (byte & 0x3f)
    }
    if (end === wanted) {
      const surrogate = bits >= 0xd800 && bits <= 0xdfff
      if (bits < (LEAST[this.#length] as number) || surrogate) return INVALID
      this.effect = this.#effectOf(bits)
    } else {
      this.effect = Effect.none
    }
    this.#bits = bits
    this.#missing = wanted - end
    return end
  }

  #effectOf(codePoint: number): number {
    const known = this.#effects[codePoint] ?? 0
    if (known !== 0) return known & ~KNOWN
    const effect = effectOf(codePoint, this.#rule)
    this.#effects[codePoint] = effect | KNOWN
    return effect
  }
}
