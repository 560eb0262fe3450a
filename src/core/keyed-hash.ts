/**
 * A hash of bytes under a secret key: HalfSipHash-1-3 (Aumasson and Bernstein), with 32 bits of output. Who does not know the
 * key cannot choose texts whose hashes collide, as clients could that choose label values or the keys of a cache.
 *
 * @module
 */

/** A secret key of 64 bits, as two words. */
export type HashKey = readonly [low: number, high: number]

const WORD_BYTES = 4

/**
 * Returns the hash of the first `length` bytes of `words`, an unsigned integer of 32 bits. O(length).
 *
 * @param words - the bytes in little-endian words; the bytes behind `length` in the last word are 0.
 */
export function keyedHashOfWords(words: Int32Array, length: number, low: number, high: number): number {
  let v0 = low | 0
  let v1 = high | 0
  let v2 = low ^ 0x6c796765
  let v3 = high ^ 0x74656462
  const whole = length >>> 2
  const rest = (length & (WORD_BYTES - 1)) === 0 ? 0 : (words[whole] as number)
  // One round for each whole word, one for the last bytes with the length, and three with nothing to end with. They are one loop,
  // because V8 keeps the state in registers only within one function.
  for (let k = 0; k < whole + 4; k++) {
    const word = k < whole ? (words[k] as number) : k === whole ? (length << 24) | rest : 0
    if (k === whole + 1) v2 ^= 0xff
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  return (v1 ^ v3) >>> 0
}

/** The words of the bytes that {@link keyedHash} hashes, kept from call to call. */
let scratch = new Int32Array(64)

/** Returns the hash of `bytes`, an unsigned integer of 32 bits. O(length). */
export function keyedHash(bytes: Uint8Array, [low, high]: HashKey): number {
  const { length } = bytes
  if (scratch.length * WORD_BYTES < length) scratch = new Int32Array(length)
  let word = 0
  for (let k = 0; k < length; k++) {
    const place = k & (WORD_BYTES - 1)
    word = (place === 0 ? 0 : word) | ((bytes[k] as number) << (8 * place))
    scratch[k >>> 2] = word
  }
  return keyedHashOfWords(scratch, length, low, high)
}
