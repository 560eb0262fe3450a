/**
 * Counts the lines and words of a text that comes in pieces, exactly as `wc` would.
 *
 * @module
 */
import { Effect, type WordRule, effectsOfBytes } from './characters.js'
import { Utf8Decoder } from './utf8.js'

const { multibyte } = Effect

/** Counts the lines and words of one text after the other. */
export class TextCounter {
  /** Newlines since {@link begin}. */
  lines = 0
  /** Words that have begun since {@link begin}. */
  words = 0

  readonly #effects: Uint8Array
  readonly #decoder: Utf8Decoder
  #inWord = 0

  constructor(rule: WordRule) {
    this.#effects = effectsOfBytes(rule)
    this.#decoder = new Utf8Decoder(rule)
  }

  /** Begins another text. */
  begin(): void {
    this.lines = 0
    this.words = 0
    this.#inWord = 0
    this.#decoder.abandon()
  }

  /** Counts the next piece: the first `length` bytes of `bytes`. */
  count(bytes: Uint8Array, length: number): void {
    this.#countFrom(bytes, this.#resume(bytes, length), length)
  }

  /** Ends the text. An incomplete character at its end counts as invalid bytes. */
  end(): void {
    this.#decoder.abandon()
    this.#apply(this.#decoder.effect)
  }

  /** Finishes the character that the end of the last piece cut. Returns where that character ends. */
  #resume(bytes: Uint8Array, length: number): number {
    if (!this.#decoder.pending) return 0
    const next = this.#decoder.resume(bytes, length)
    this.#apply(this.#decoder.effect)
    return next
  }

  #apply(effect: number): void {
    this.words += effect & ~this.#inWord & 1
    this.#inWord = (effect | (this.#inWord & (effect >> 1))) & 1
  }

  /** The hot loop. It keeps its state in local variables, and branches only at bytes beyond ASCII. */
  #countFrom(bytes: Uint8Array, from: number, to: number): void {
    const effects = this.#effects
    const decoder = this.#decoder
    // These start from 0 and not from the fields, so that V8 knows that they are small integers.
    let lines = 0
    let words = 0
    let inWord = this.#inWord
    let i = from
    while (i < to) {
      let effect = effects[bytes[i] as number] as number
      if (effect === multibyte) {
        i = decoder.decode(bytes, i, to)
        effect = decoder.effect
      } else {
        i++
      }
      words += effect & ~inWord & 1
      inWord = (effect | (inWord & (effect >> 1))) & 1
      lines += effect >> 2
    }
    this.lines += lines
    this.words += words
    this.#inWord = inWord
  }
}
