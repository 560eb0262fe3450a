import { Described, summary } from '../core/describe.js'
import { HdrBuckets, type HdrRange } from '../core/hdr-buckets.js'
import { decodeHdr, encodeHdr } from './encoding.js'
import { rangeError, typeError } from '../core/errors.js'

/** A bucket that is not empty. */
export interface HistogramBucket {
  /** The least value that the bucket counts. */
  readonly least: number
  /** The greatest value that the bucket counts. */
  readonly most: number
  /** Number of values in the bucket. */
  readonly count: number
}

/** The parts of a snapshot. */
export interface SnapshotParts {
  readonly buckets: HdrBuckets
  /** The count of each bucket, and after them the count of the values above all buckets. */
  readonly counts: Float64Array
  readonly sum: number
  readonly min: number
  readonly max: number
}

/**
 * A copy of the content of a {@link PerCpuHistogram}, or the decoded content of any HdrHistogram. It is immutable.
 */
export class HistogramSnapshot extends Described {
  readonly #buckets: HdrBuckets
  readonly #counts: Float64Array
  /** Number of values: the sum of the buckets, exact up to 2**53. */
  readonly count: number
  /** The sum of all values. For a decoded histogram it is an estimate from the middles of the buckets. */
  readonly sum: number
  /** The least value; 0 if there is no value. For a decoded histogram, the least value of the lowest bucket in use. */
  readonly min: number
  /** The greatest value; 0 if there is no value. For a decoded histogram, the greatest value of the highest bucket in use. */
  readonly max: number

  /** @internal */
  constructor({ buckets, counts, sum, min, max }: SnapshotParts) {
    super()
    this.#buckets = buckets
    this.#counts = counts
    this.count = counts.reduce((a, b) => a + b)
    this.sum = sum
    this.min = min
    this.max = max
  }

  /**
   * Decodes HdrHistogram's V2 format, compressed and in base64.
   *
   * @param text - a text that {@link encode} or another HdrHistogram has returned.
   * @throws TypeError if `text` is no string; RangeError if it has another format or is damaged.
   */
  static decode(text: string): HistogramSnapshot {
    const { buckets, counts: decoded } = decodeHdr(text)
    const counts = new Float64Array(buckets.length + 1)
    counts.set(decoded)
    const [first, last] = [decoded.findIndex((n) => n > 0), decoded.findLastIndex((n) => n > 0)]
    const sum = decoded.reduce((all, count, k) => all + count * buckets.middleOf(k), 0)
    const [min, max] = first === -1 ? [0, 0] : [buckets.leastOf(first), buckets.mostOf(last)]
    return new HistogramSnapshot({ buckets, counts, sum, min, max })
  }

  /**
   * Encodes the snapshot in HdrHistogram's V2 format, compressed and in base64, for any HdrHistogram to decode. Values above
   * `range.highest` are encoded in the last bucket. The format does not contain the sum. Workers write longer texts than the
   * main thread, by up to 2.1 times: they store what the main thread compresses, as Node ends the process if a Worker is
   * terminated in `node:zlib`. Any thread and any HdrHistogram decodes either.
   */
  encode(): string {
    const { length } = this.#buckets
    const counts = this.#counts.slice(0, length)
    counts[length - 1] = (counts[length - 1] as number) + (this.#counts[length] as number)
    return encodeHdr({ buckets: this.#buckets, counts })
  }

  /** The values that the histogram covers, and its precision. */
  get range(): HdrRange {
    return this.#buckets.range
  }

  /** The mean of the values; NaN if there is no value. */
  get mean(): number {
    return this.sum / this.count
  }

  /** The standard deviation, computed as if each value were the middle of its bucket; NaN if there is no value. */
  get stddev(): number {
    const { mean } = this
    let squares = 0
    for (const { least, most, count } of this.buckets()) {
      squares += count * (Math.min(this.max, (least + most) / 2) - mean) ** 2
    }
    return Math.sqrt(squares / this.count)
  }

  /**
   * Returns the percentile `p`: at least `p` percent of the values are at most this value. The result is the greatest value
   * of the percentile's bucket, or {@link max} if that is less. Returns 0 if there is no value. O(buckets).
   *
   * @param p - 0 to 100.
   * @throws TypeError if `p` is no number; RangeError if it is not from 0 to 100.
   */
  percentile(p: number): number {
    if (typeof p !== 'number') throw typeError('p', 'a number from 0 to 100', p)
    if (!(p >= 0 && p <= 100)) throw rangeError('p', 'a number from 0 to 100', p)
    return this.#buckets.percentile(this.#counts, this.count, this.max, p)
  }

  /** Iterates over the buckets that are not empty, in ascending order. */
  *buckets(): Generator<HistogramBucket> {
    const { length } = this.#buckets
    for (let k = 0; k < length; k++) {
      const count = this.#counts[k] as number
      if (count > 0) yield { least: this.#buckets.leastOf(k), most: this.#buckets.mostOf(k), count }
    }
    const beyond = this.#counts[length] as number
    if (beyond > 0)
      yield { least: this.#buckets.leastOf(length), most: Number.MAX_SAFE_INTEGER, count: beyond }
  }

  /** Iterates over {@link buckets}. */
  [Symbol.iterator](): Generator<HistogramBucket> {
    return this.buckets()
  }

  /** @internal */
  override [summary](): object {
    const { range, count, sum, min, max } = this
    return { ...range, count, sum, min, max, p50: this.percentile(50), p99: this.percentile(99) }
  }
}
