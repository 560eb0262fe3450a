/**
 * HdrHistogram's V2 encoding, compressed and in base64. All ports of HdrHistogram read and write it.
 *
 * The compressed data is a header of 40 bytes and then the counts up to the last count that is not 0. Each count is a
 * zigzag-coded variable-length number of at most 9 bytes; a negative number -n stands for n counts of 0.
 *
 * @module
 */
import { isMainThread } from 'node:worker_threads'
import { deflateSync } from 'node:zlib'
import { rangeError, typeError } from '../core/errors.js'
import { HdrBuckets } from '../core/hdr-buckets.js'
import { inflate, store } from './zlib-stream.js'

const COOKIE = 0x1c849313
const COMPRESSED_COOKIE = 0x1c849314
/** Clears the bits of a cookie that tell the size of a word: V2 has no words of a fixed size. */
const COOKIE_MASK = ~0xf0
const HEADER_BYTES = 40
const COMPRESSED_HEADER_BYTES = 8
const MOST_NUMBER_BYTES = 9
/** The greatest accepted shift of the counts. Shifts are not supported, but hdr-histogram-js writes 1 and shifts nothing. */
const MOST_OFFSET = 1

const EXPECTED = "an encoded HdrHistogram (V2, compressed, in base64: it begins with 'HISTF')"

/** The buckets of a histogram, and the count of each bucket. */
export interface HdrCounts {
  readonly buckets: HdrBuckets
  readonly counts: Float64Array
}

/** Appends a number of at most 54 bits. It takes at most 8 bytes of 7 bits, so the ninth byte, of 8 bits, is never written. */
function putNumber(bytes: number[], value: number): void {
  let rest = value >= 0 ? 2 * value : -2 * value - 1
  while (rest >= 128) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
}

function payloadOf(counts: Float64Array): Buffer {
  const end = counts.findLastIndex((count) => count > 0) + 1
  const bytes: number[] = []
  let zeros = 0
  const putZeros = (): void => {
    if (zeros > 0) putNumber(bytes, zeros === 1 ? 0 : -zeros)
    zeros = 0
  }
  for (const count of counts.subarray(0, end)) {
    if (count > 0) {
      putZeros()
      putNumber(bytes, count)
    } else {
      zeros++
    }
  }
  return Buffer.from(bytes)
}

export function encodeHdr({ buckets, counts }: HdrCounts): string {
  const payload = payloadOf(counts)
  const header = Buffer.alloc(HEADER_BYTES)
  const { lowest, highest, digits } = buckets.range
  header.writeInt32BE(COOKIE, 0)
  header.writeInt32BE(payload.length, 4)
  header.writeInt32BE(digits, 12)
  header.writeBigInt64BE(BigInt(lowest), 16)
  header.writeBigInt64BE(BigInt(highest), 24)
  header.writeDoubleBE(1, 32)
  const bytes = Buffer.concat([header, payload])
  // A Worker that is terminated in node:zlib ends the process. The main thread cannot be terminated alone.
  const packed = isMainThread ? deflateSync(bytes) : store(bytes)
  const front = Buffer.alloc(COMPRESSED_HEADER_BYTES)
  front.writeInt32BE(COMPRESSED_COOKIE, 0)
  front.writeInt32BE(packed.length, 4)
  return Buffer.concat([front, packed]).toString('base64')
}

function refuse(problem: string): never {
  throw new RangeError(`text: expected ${EXPECTED}; this one ${problem}`)
}

/** Decodes base64, checks the outer header and returns the compressed bytes. */
function unwrap(text: string): Buffer {
  const bytes = Buffer.from(text.trim(), 'base64')
  if (bytes.length < COMPRESSED_HEADER_BYTES) refuse('is too short')
  if ((bytes.readInt32BE(0) & COOKIE_MASK) !== (COMPRESSED_COOKIE & COOKIE_MASK)) refuse('is something else')
  const packed = bytes.subarray(COMPRESSED_HEADER_BYTES)
  const length = bytes.readUInt32BE(4)
  if (length > packed.length) refuse('ends too early')
  return packed.subarray(0, length)
}

/** The first `most` bytes of what `packed` contains, or all if they are fewer. */
function unpack(packed: Uint8Array, most: number): Buffer {
  try {
    const { buffer, byteOffset, length } = inflate(packed, most)
    return Buffer.from(buffer, byteOffset, length)
  } catch (error) {
    return refuse(`cannot be decompressed (it ${(error as Error).message})`)
  }
}

/** Returns the buckets that a header describes. */
function bucketsOf(header: Buffer): HdrBuckets {
  if (header.length < HEADER_BYTES) refuse('has no header')
  if ((header.readInt32BE(0) & COOKIE_MASK) !== (COOKIE & COOKIE_MASK)) refuse('is not of version 2')
  if (header.readInt32BE(8) >>> 0 > MOST_OFFSET) refuse('was shifted, which is not supported')
  const digits = header.readInt32BE(12)
  const [lowest, highest] = [Number(header.readBigInt64BE(16)), Number(header.readBigInt64BE(24))]
  return new HdrBuckets({ lowest, highest: Math.min(highest, Number.MAX_SAFE_INTEGER), digits })
}

/** Yields the numbers of a payload in their order. */
function* numbersOf(payload: Buffer): Generator<number> {
  let at = 0
  while (at < payload.length) {
    let [zigzag, scale] = [0, 1]
    for (let k = 0; k < MOST_NUMBER_BYTES; k++) {
      const byte = payload[at++]
      if (byte === undefined) refuse('ends in the middle of a number')
      const isLast = byte < 128 || k === MOST_NUMBER_BYTES - 1
      zigzag += (k === MOST_NUMBER_BYTES - 1 ? byte : byte % 128) * scale
      scale *= 128
      if (isLast) break
    }
    yield zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
  }
}

/**
 * Decodes a histogram.
 *
 * @throws TypeError if `text` is no string; RangeError if it has another format, is damaged, or has a count or a value of
 *   2**53 or more.
 */
export function decodeHdr(text: unknown): HdrCounts {
  if (typeof text !== 'string') throw typeError('text', EXPECTED, text)
  const packed = unwrap(text)
  const front = unpack(packed, HEADER_BYTES)
  const buckets = bucketsOf(front)
  // Some encoders round the number of buckets up, to at most twice the number.
  const most = 2 * buckets.length
  const mostBytes = HEADER_BYTES + MOST_NUMBER_BYTES * most
  const bytes = unpack(packed, mostBytes + 1)
  if (bytes.length > mostBytes) refuse('cannot be decompressed (it has more bytes than its buckets need)')
  const counts = new Float64Array(buckets.length)
  let index = 0
  const length = Math.max(0, bytes.readInt32BE(4))
  for (const number of numbersOf(bytes.subarray(HEADER_BYTES, HEADER_BYTES + length))) {
    if (number < 0) {
      index -= number
    } else {
      if (!Number.isSafeInteger(number)) throw rangeError('text', 'counts below 2**53', number)
      if (number > 0 && index >= counts.length) refuse('has counts for values beyond its highest')
      if (index < counts.length) counts[index] = number
      index++
    }
    if (index > most) refuse('has more counts than buckets')
  }
  return { buckets, counts }
}
