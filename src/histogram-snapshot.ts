import { HdrBuckets, type HdrRange } from './hdr/buckets.js'
import { decodeHdr, encodeHdr } from './hdr/encoding.js'
import { rangeError, typeError } from './errors.js'

/** A bucket that holds something: values from `least` to `most`. */
export interface HistogramBucket {
  readonly least: number
  readonly most: number
  readonly count: number
}

/** What a snapshot is made of. */
export interface SnapshotParts {
  readonly buckets: HdrBuckets
  /** One for each bucket, and one more for what is beyond them. */
  readonly counts: Float64Array
  readonly sum: number
  readonly min: number
  readonly max: number
}

/**
 * What a {@link PerCpuHistogram} held at a moment, or what was encoded by it or by another HdrHistogram.
 * It does not change any more.
 */
export class HistogramSnapshot {
  readonly #buckets: HdrBuckets
  readonly #counts: Float64Array
  /** How many values: the sum of the buckets, exact up to 2**53. */
  readonly count: number
  /** The sum of all values; of a decoded histogram, an estimate by the middles of the buckets. */
  readonly sum: number
  /** The least value; 0 if there is none. Of a decoded histogram, the least of its bucket. */
  readonly min: number
  /** The greatest value; 0 if there is none. Of a decoded histogram, the greatest of its bucket. */
  readonly max: number

  /** @internal */
  constructor({ buckets, counts, sum, min, max }: SnapshotParts) {
    this.#buckets = buckets
    this.#counts = counts
    this.count = counts.reduce((a, b) => a + b)
    this.sum = sum
    this.min = min
    this.max = max
  }

  /**
   * Decodes HdrHistogram's V2 format: compressed, in base64.
   *
   * @throws TypeError, RangeError if it is something else, or damaged.
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
   * The same in that format, for any HdrHistogram to decode. Values above {@link range}'s highest are
   * encoded in the last bucket; the sum is not in it.
   */
  encode(): string {
    const { length } = this.#buckets
    const counts = this.#counts.slice(0, length)
    counts[length - 1] = (counts[length - 1] as number) + (this.#counts[length] as number)
    return encodeHdr({ buckets: this.#buckets, counts })
  }

  get range(): HdrRange {
    return this.#buckets.range
  }

  /** NaN if there is no value. */
  get mean(): number {
    return this.sum / this.count
  }

  /** The standard deviation, each value taken for the middle of its bucket; NaN if there is no value. */
  get stddev(): number {
    const { mean } = this
    let squares = 0
    for (const { least, most, count } of this.buckets()) {
      squares += count * (Math.min(this.max, (least + most) / 2) - mean) ** 2
    }
    return Math.sqrt(squares / this.count)
  }

  /**
   * The value that `p` percent of all are not above, to the precision of the buckets: the greatest that
   * its bucket can hold, though not above {@link max}. 0 if there is no value. O(buckets).
   *
   * @param p - 0 to 100.
   * @throws TypeError, RangeError if it is something else.
   */
  percentile(p: number): number {
    if (typeof p !== 'number') throw typeError('p', 'a number from 0 to 100', p)
    if (!(p >= 0 && p <= 100)) throw rangeError('p', 'a number from 0 to 100', p)
    // Less a little, so that rounding asks for no value more than there should be.
    const wanted = Math.max(1, Math.ceil((p / 100) * this.count * (1 - Number.EPSILON)))
    let seen = 0
    for (const { most, count } of this.buckets()) {
      seen += count
      if (seen >= wanted) return Math.min(most, this.max)
    }
    return 0
  }

  /** The buckets that hold something, from the least values on. */
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
}
