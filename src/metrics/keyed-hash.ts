/**
 * A hash of bytes under a secret key: HalfSipHash-1-3 (Aumasson and Bernstein), with 32 bits of output. Who does not know the
 * key cannot choose texts whose hashes collide, as clients could that choose label values.
 *
 * @module
 */

/** A secret key of 64 bits, as two words. */
export type HashKey = readonly [low: number, high: number]

const WORD_BYTES = 4

/** The state, and one round on it. These are variables because a hash is one call, and an object would be made for each. */
let v0 = 0
let v1 = 0
let v2 = 0
let v3 = 0

function round(): void {
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
}

function absorb(word: number): void {
  v3 ^= word
  round()
  v0 ^= word
}

/** Returns the hash of `bytes`, an unsigned integer of 32 bits. O(length). */
export function keyedHash(bytes: Uint8Array, [low, high]: HashKey): number {
  v0 = low | 0
  v1 = high | 0
  v2 = low ^ 0x6c796765
  v3 = high ^ 0x74656462
  const { length } = bytes
  const whole = length - (length % WORD_BYTES)
  const byte = (k: number): number => bytes[k] as number
  for (let k = 0; k < whole; k += WORD_BYTES)
    absorb(byte(k) | (byte(k + 1) << 8) | (byte(k + 2) << 16) | (byte(k + 3) << 24))
  let last = length << 24
  for (let k = whole; k < length; k++) last |= byte(k) << (8 * (k - whole))
  absorb(last)
  v2 ^= 0xff
  round()
  round()
  round()
  return (v1 ^ v3) >>> 0
}
