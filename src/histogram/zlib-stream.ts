/**
 * Streams of zlib (RFC 1950) without `node:zlib`. Node ends the process if a Worker is terminated while `node:zlib` makes a
 * stream, even in its synchronous functions; this code can be left at any instruction.
 *
 * @module
 */

const ADLER_BASE = 65521
/** Adler-32's sums of so many bytes stay below 2**31. */
const ADLER_BLOCK = 3800
const MOST_STORED = 0xffff
const MOST_CODE_BITS = 15
const LITERALS = 286
const DISTANCES = 30
const END_OF_BLOCK = 256
/** The order in which a block's header has the lengths of the codes for lengths. */
const LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0]
  for (let at = 0; at < bytes.length; at += ADLER_BLOCK) {
    for (const byte of bytes.subarray(at, at + ADLER_BLOCK)) {
      a += byte
      b += a
    }
    a %= ADLER_BASE
    b %= ADLER_BASE
  }
  return ((b << 16) | a) >>> 0
}

/** A stream that stores `bytes` as they are: 6 bytes longer, and 5 for each 64 KiB that was begun. O(length). */
export function store(bytes: Uint8Array): Buffer {
  // Deflate with a window of 32 KiB, no dictionary, the fastest level.
  const pieces = [Buffer.of(0x78, 0x01)]
  for (let at = 0; at < bytes.length || at === 0; at += MOST_STORED) {
    const stored = bytes.subarray(at, at + MOST_STORED)
    const head = Buffer.of(at + MOST_STORED >= bytes.length ? 1 : 0, 0, 0, 0, 0)
    head.writeUInt16LE(stored.length, 1)
    head.writeUInt16LE(~stored.length & 0xffff, 3)
    pieces.push(head, Buffer.from(stored))
  }
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(adler32(bytes))
  return Buffer.concat([...pieces, sum])
}

function damaged(problem: string): never {
  throw new RangeError(problem)
}

/** A canonical Huffman code: how many codes each length has, and the symbols in the order of their codes. */
interface Code {
  readonly counts: Uint16Array
  readonly symbols: Uint16Array
}

/** `mayBeOne`: the code may have one symbol alone, of one bit, so that the other bit stands for nothing. */
function codeOf(lengths: Uint8Array, mayBeOne: boolean): Code {
  const counts = new Uint16Array(MOST_CODE_BITS + 1)
  for (const length of lengths) counts[length] = (counts[length] as number) + 1
  counts[0] = 0
  const next = new Uint16Array(MOST_CODE_BITS + 2)
  let left = 1
  for (let length = 1; length <= MOST_CODE_BITS; length++) {
    left = 2 * left - (counts[length] as number)
    if (left < 0) damaged('has more codes than their lengths allow')
    next[length + 1] = (next[length] as number) + (counts[length] as number)
  }
  const longest = counts.findLastIndex((count) => count > 0)
  if (left > 0 && longest > (mayBeOne ? 1 : 0)) damaged('has fewer codes than their lengths ask for')
  const symbols = new Uint16Array(lengths.length)
  lengths.forEach((length, symbol) => {
    if (length > 0) symbols[(next[length] = (next[length] as number) + 1) - 1] = symbol
  })
  return { counts, symbols }
}

const FIXED = {
  literals: codeOf(
    Uint8Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)),
    false,
  ),
  distances: codeOf(new Uint8Array(32).fill(5), false),
}

/** The bits of a stream, from the lowest of each byte on. */
class Bits {
  at = 0
  #held = 0
  #count = 0

  constructor(private readonly bytes: Uint8Array) {}

  /** The next `count` bits, at most 16. */
  take(count: number): number {
    while (this.#count < count) {
      if (this.at >= this.bytes.length) damaged('ends too early')
      this.#held |= (this.bytes[this.at++] as number) << this.#count
      this.#count += 8
    }
    const value = this.#held & ((1 << count) - 1)
    this.#held >>>= count
    this.#count -= count
    return value
  }

  /** Goes to the next whole byte. Fewer than 8 bits are held between two calls of `take`. */
  align(): void {
    this.#held = this.#count = 0
  }

  /** The next symbol, bit by bit: codes of each length are consecutive, and follow those of the shorter length. */
  symbol({ counts, symbols }: Code): number {
    let [code, first, index] = [0, 0, 0]
    for (let length = 1; length <= MOST_CODE_BITS; length++) {
      code |= this.take(1)
      const count = counts[length] as number
      if (code - first < count) return symbols[index + code - first] as number
      index += count
      first = (first + count) << 1
      code <<= 1
    }
    return damaged('has a code that nothing stands for')
  }
}

/** Reads the two codes of a block that has codes of its own. */
function codesOf(bits: Bits): typeof FIXED {
  const [literals, distances, ordered] = [bits.take(5) + 257, bits.take(5) + 1, bits.take(4) + 4]
  if (literals > LITERALS || distances > DISTANCES) damaged('has more codes than there are symbols')
  const ofLengths = new Uint8Array(LENGTH_ORDER.length)
  for (const symbol of LENGTH_ORDER.slice(0, ordered)) ofLengths[symbol] = bits.take(3)
  const code = codeOf(ofLengths, false)
  const lengths = new Uint8Array(literals + distances)
  for (let at = 0; at < lengths.length;) {
    const symbol = bits.symbol(code)
    if (symbol < 16) {
      lengths[at++] = symbol
      continue
    }
    // 16 repeats the length before, 17 and 18 a length of 0.
    if (symbol === 16 && at === 0) damaged('repeats a length before the first')
    const value = symbol === 16 ? (lengths[at - 1] as number) : 0
    const times = symbol === 16 ? 3 + bits.take(2) : symbol === 17 ? 3 + bits.take(3) : 11 + bits.take(7)
    if (at + times > lengths.length) damaged('has more lengths than symbols')
    lengths.fill(value, at, (at += times))
  }
  if (lengths[END_OF_BLOCK] === 0) damaged('has a block without an end')
  return {
    literals: codeOf(lengths.subarray(0, literals), true),
    distances: codeOf(lengths.subarray(literals), true),
  }
}

/** The least value of a symbol whose values share their front bits, and how many bits follow it. */
function baseOf(symbol: number, ofEach: number, start: number): [base: number, extra: number] {
  const extra = Math.max(0, Math.floor(symbol / ofEach) - 1)
  return [start + (extra === 0 ? symbol : ((symbol % ofEach) + ofEach) << extra), extra]
}

/** How far back, and how many bytes, a repetition copies. */
function repetitionOf(bits: Bits, literal: number, distances: Code): [length: number, distance: number] {
  const valueOf = ([base, extra]: [number, number]): number => base + bits.take(extra)
  // The last symbol stands for 258 bytes alone.
  const length = literal === 285 ? 258 : valueOf(baseOf(literal - 257, 4, 3))
  if (length > 258) damaged('has a repetition of an unknown length')
  const symbol = bits.symbol(distances)
  if (symbol >= DISTANCES) damaged('has a repetition of an unknown distance')
  return [length, valueOf(baseOf(symbol, 2, 1))]
}

/**
 * Returns what a stream contains. If there are more than `most` bytes, it returns the first `most` of them, and has checked
 * neither the rest nor the sum of all. O(length of both), bit by bit: for texts of some kilobytes.
 *
 * @throws RangeError if the stream is damaged, ends too early or needs a dictionary. Its message continues 'this stream'.
 */
export function inflate(stream: Uint8Array, most: number): Uint8Array {
  const bits = new Bits(stream)
  const [method, flags] = [bits.take(8), bits.take(8)]
  // The method is 8, its window at most 32 KiB; bit 5 of the flags asks for a dictionary.
  if ((method & 15) !== 8 || method >> 4 > 7 || (method * 256 + flags) % 31 !== 0 || (flags & 0x20) !== 0)
    damaged('is no stream of zlib')
  let out = new Uint8Array(Math.min(most, Math.max(64, 4 * stream.length)))
  let end = 0
  const put = (byte: number): void => {
    if (end === out.length) {
      const larger = new Uint8Array(Math.min(most, 2 * end))
      larger.set(out)
      out = larger
    }
    out[end++] = byte
  }
  for (let isLast = 0; isLast === 0;) {
    isLast = bits.take(1)
    const kind = bits.take(2)
    if (kind === 0) {
      bits.align()
      const length = bits.take(16)
      if (bits.take(16) !== (~length & 0xffff)) damaged('has a block whose length is damaged')
      for (let i = 0; i < length; i++) {
        if (end === most) return out
        put(bits.take(8))
      }
      continue
    }
    if (kind === 3) damaged('has a block of an unknown kind')
    const { literals, distances } = kind === 1 ? FIXED : codesOf(bits)
    for (let literal; (literal = bits.symbol(literals)) !== END_OF_BLOCK;) {
      const [length, distance] = literal < END_OF_BLOCK ? [1, 0] : repetitionOf(bits, literal, distances)
      if (distance > end) damaged('repeats what is before its begin')
      for (let i = 0; i < length; i++) {
        if (end === most) return out
        put(distance === 0 ? literal : (out[end - distance] as number))
      }
    }
  }
  bits.align()
  const all = out.subarray(0, end)
  if (stream.length < bits.at + 4) damaged('ends too early')
  if (Buffer.from(stream.buffer, stream.byteOffset + bits.at, 4).readUInt32BE() !== adler32(all))
    damaged('has another sum than it says')
  return all
}
