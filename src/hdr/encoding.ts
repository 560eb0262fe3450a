/**
 * HdrHistogram's V2 encoding, compressed and in base64: how histograms of all its ports are exchanged.
 *
 * Inside is a header of 40 bytes and the counts up to the last that is not 0, each a zigzag-coded
 * variable-length number of at most 9 bytes; a negative one stands for as many counts of 0.
 *
 * @module
 */
import { deflateSync, inflateSync } from 'node:zlib'
import { rangeError, typeError } from '../errors.js'
import { HdrBuckets } from './buckets.js'

const COOKIE = 0x1c849313
const COMPRESSED_COOKIE = 0x1c849314
/** Bits of a cookie that say the size of a word, which V2 does not have. */
const COOKIE_MASK = ~0xf0
const HEADER_BYTES = 40
const COMPRESSED_HEADER_BYTES = 8
const MOST_NUMBER_BYTES = 9
/** By how many buckets the counts are shifted: not at all; hdr-histogram-js says 1, and does not mean it. */
const MOST_OFFSET = 1
/** No histogram has more: 5 digits over 53 bits, 9 bytes each. */
const MOST_BYTES = HEADER_BYTES + MOST_NUMBER_BYTES * (1 << 23)

const EXPECTED = "an encoded HdrHistogram (V2, compressed, in base64: it begins with 'HISTF')"

/** Buckets with their counts. */
export interface HdrCounts {
  readonly buckets: HdrBuckets
  readonly counts: Float64Array
}

/** Appends a number of at most 54 bits; the ninth byte of one would have all of its 8 bits. */
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
  const packed = deflateSync(Buffer.concat([header, payload]))
  const front = Buffer.alloc(COMPRESSED_HEADER_BYTES)
  front.writeInt32BE(COMPRESSED_COOKIE, 0)
  front.writeInt32BE(packed.length, 4)
  return Buffer.concat([front, packed]).toString('base64')
}

function refuse(problem: string): never {
  throw new RangeError(`text: expected ${EXPECTED}; this one ${problem}`)
}

function unpack(text: string): Buffer {
  const bytes = Buffer.from(text.trim(), 'base64')
  if (bytes.length < COMPRESSED_HEADER_BYTES) refuse('is too short')
  if ((bytes.readInt32BE(0) & COOKIE_MASK) !== (COMPRESSED_COOKIE & COOKIE_MASK)) refuse('is something else')
  const packed = bytes.subarray(COMPRESSED_HEADER_BYTES)
  const length = bytes.readUInt32BE(4)
  if (length > packed.length) refuse('ends too early')
  try {
    return inflateSync(packed.subarray(0, length), { maxOutputLength: MOST_BYTES })
  } catch (error) {
    return refuse(`cannot be decompressed (${(error as Error).message})`)
  }
}

/** The numbers of a payload, one after the other. */
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
 * @throws TypeError if it is no string, RangeError if it was not encoded so, is damaged, or has counts or
 * values beyond 2**53.
 */
export function decodeHdr(text: unknown): HdrCounts {
  if (typeof text !== 'string') throw typeError('text', EXPECTED, text)
  const bytes = unpack(text)
  if (bytes.length < HEADER_BYTES) refuse('has no header')
  if ((bytes.readInt32BE(0) & COOKIE_MASK) !== (COOKIE & COOKIE_MASK)) refuse('is not of version 2')
  if (bytes.readInt32BE(8) >>> 0 > MOST_OFFSET) refuse('was shifted, which is not supported')
  const digits = bytes.readInt32BE(12)
  const [lowest, highest] = [Number(bytes.readBigInt64BE(16)), Number(bytes.readBigInt64BE(24))]
  const buckets = new HdrBuckets({ lowest, highest: Math.min(highest, Number.MAX_SAFE_INTEGER), digits })
  const counts = new Float64Array(buckets.length)
  let index = 0
  const length = Math.max(0, bytes.readInt32BE(4))
  for (const number of numbersOf(bytes.subarray(HEADER_BYTES, HEADER_BYTES + length))) {
    if (number < 0) {
      index -= number
    } else {
      if (!Number.isSafeInteger(number)) throw rangeError('text', 'counts below 2**53', number)
      if (number > 0 && index >= counts.length) refuse('has counts for values beyond its highest')
      counts[index++] = number
    }
  }
  return { buckets, counts }
}
