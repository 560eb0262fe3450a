/**
 * The memory of a histogram: a header, and behind it a region of counters.
 *
 *     0        128
 *     +--------+------------------------------------------------------------------+
 *     | header | region of i64: sum, further sum, buckets, values above all buckets |
 *     +--------+------------------------------------------------------------------+
 *
 * @module
 */
import { HdrBuckets, type HdrRange } from './hdr-buckets.js'
import { HISTOGRAM_MAGIC } from './layout.js'

/** The version of this layout. */
export const HISTOGRAM_VERSION = 2
/** Bytes of the header, which is in front of the region; {@link HistogramWord} names its words. */
export const HISTOGRAM_HEADER_BYTES = 128
/** Positions of the header's words of 64 bits. `leastPlus1` is the least value plus 1; 0: no value was recorded. */
export const HistogramWord = {
  magicAndVersion: 0,
  lowest: 1,
  highest: 2,
  digits: 3,
  leastPlus1: 4,
  most: 5,
} as const
/**
 * Positions in the region: the sum modulo 2**64; a further part of the sum in units of {@link SUM_UNIT}, which merges add;
 * and the first bucket. Behind the buckets is one counter for the values above all buckets.
 */
export const HistogramCounter = { sum: 0, mergedSum: 1, first: 2 } as const
export const SUM_UNIT = 2 ** 32
const SUM_MODULUS = 2 ** 64
const STAMP = BigInt(HISTOGRAM_MAGIC) | (BigInt(HISTOGRAM_VERSION) << 32n)

/** Returns how many counters the region of a histogram has. */
export function histogramLength({ length }: HdrBuckets): number {
  return HistogramCounter.first + length + 1
}

/** Writes the header of an empty histogram into zeroed words. */
export function writeHistogramHeader(header: BigInt64Array, { lowest, highest, digits }: HdrRange): void {
  header[HistogramWord.magicAndVersion] = STAMP
  header[HistogramWord.lowest] = BigInt(lowest)
  header[HistogramWord.highest] = BigInt(highest)
  header[HistogramWord.digits] = BigInt(digits)
}

/** Returns whether a header is one of this version, and of any version. */
export function stampOf(header: BigInt64Array): { isHistogram: boolean; isOfThisVersion: boolean } {
  const stamp = header[HistogramWord.magicAndVersion] ?? 0n
  return {
    isHistogram: BigInt.asUintN(32, stamp) === BigInt(HISTOGRAM_MAGIC),
    isOfThisVersion: stamp === STAMP,
  }
}

/** Returns the buckets that a header describes. @throws TypeError, RangeError if its range is not a possible one. */
export function bucketsInHeader(header: BigInt64Array): HdrBuckets {
  const number = (word: number): number => Number(header[word])
  return new HdrBuckets({
    lowest: number(HistogramWord.lowest),
    highest: number(HistogramWord.highest),
    digits: number(HistogramWord.digits),
  })
}

/** What a histogram has counted. */
export interface HistogramContent {
  /** The count of each bucket, and after them the count of the values above all buckets. */
  readonly counts: Float64Array
  readonly sum: number
  readonly min: number
  readonly max: number
}

/**
 * Estimates how much the sum has lost because it wraps at 64 bits: the multiple of 2**64 that brings the sum nearest to the
 * sum of the buckets' middles. The estimate is right for sums up to 2**63 divided by the relative width of a bucket. Values
 * above all buckets are estimated as the middle between the end of the buckets and the greatest value.
 */
function wrapped(buckets: HdrBuckets, sum: number, counts: Float64Array, max: number): number {
  const middles = counts.reduce((all, count, k) => {
    const middle = k < buckets.length ? buckets.middleOf(k) : (buckets.leastOf(k) + max) / 2
    return all + count * middle
  }, 0)
  return Math.max(0, Math.round((middles - sum) / SUM_MODULUS)) * SUM_MODULUS
}

/** Returns what a histogram has counted, from the totals of its region's counters and its header's words `leastPlus1` and `most`. */
export function histogramContent(
  buckets: HdrBuckets,
  totals: Float64Array,
  leastPlus1: bigint,
  most: bigint,
): HistogramContent {
  const max = Number(most)
  const counts = totals.slice(HistogramCounter.first)
  const sum =
    (totals[HistogramCounter.sum] as number) + (totals[HistogramCounter.mergedSum] as number) * SUM_UNIT
  return {
    counts,
    sum: sum + wrapped(buckets, sum, counts, max),
    min: Math.max(0, Number(leastPlus1) - 1),
    max,
  }
}
