// Records that say themselves whether they are whole.

/** A record of number `i`: 3 to 52 words, each the number times the word's position. */
export function recordOf(i) {
  const words = new Uint32Array(3 + (i % 50))
  for (let k = 0; k < words.length; k++) words[k] = Math.imul(i, k + 1)
  return new Uint8Array(words.buffer)
}

/** The number of a record; -1 if it is not whole. */
export function numberOf(bytes) {
  if (bytes.length < 12 || bytes.length % 4 !== 0) return -1
  const words = new Uint32Array(bytes.slice().buffer)
  const i = words[0] | 0
  return Buffer.compare(bytes, recordOf(i)) === 0 ? i : -1
}
