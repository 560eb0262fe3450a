/**
 * The buckets of a high dynamic range histogram: computes the bucket of a value and the values of a bucket.
 *
 * Values are grouped by their power of two. Each group is cut into linear steps of equal width; the number of steps
 * follows from the number of significant digits. The first group has twice as many steps: it contains all values that
 * need no coarser step than one unit. Buckets have the numbers that HdrHistogram gives them, so that encoded histograms
 * can be exchanged.
 *
 * @module
 */
import { checkInteger } from './errors.js'

/** The range of values that a histogram covers, and its precision. */
export interface HdrRange {
  /** Values that differ by less than this may share a bucket: 1 or more. */
  readonly lowest: number
  /** All larger values share one bucket: at least twice `lowest`. */
  readonly highest: number
  /** Significant decimal digits, 1 to 5: with 2, a value is known to 1 %. */
  readonly digits: number
}

/** Returns a checked copy of a range. @throws TypeError, RangeError that name the wrong option. */
export function checkRange({ lowest, highest, digits }: HdrRange): HdrRange {
  checkInteger('lowest', lowest, 1, 2 ** 51)
  checkInteger('highest', highest, 2 * lowest, Number.MAX_SAFE_INTEGER)
  checkInteger('digits', digits, 1, 5)
  return { lowest, highest, digits }
}

/** Returns floor(log2(value)) for an integer from 1 to 2**53 - 1. */
function magnitudeOf(value: number): number {
  return value < 2 ** 31 ? 31 - Math.clz32(value) : 62 - Math.clz32(value / 2 ** 31)
}

export class HdrBuckets {
  readonly range: HdrRange
  /** log2 of the unit, which is the width of the narrowest bucket. */
  readonly unit: number
  /** log2 of the number of steps in a group. A group has at least 10 ** digits steps. */
  readonly steps: number
  /** The number of buckets: a multiple of the number of steps in a group. */
  readonly length: number

  /** @throws TypeError, RangeError that name the wrong option. */
  constructor(range: HdrRange) {
    this.range = checkRange(range)
    this.unit = magnitudeOf(range.lowest)
    this.steps = Math.ceil(Math.log2(2 * 10 ** range.digits)) - 1
    const perGroup = 2 ** this.steps
    this.length = Math.ceil((this.indexOf(range.highest) + 1) / perGroup) * perGroup
  }

  /** Returns the bucket of an integer from 0 to 2**53 - 1; `length` or more if the value is above all buckets. */
  indexOf(value: number): number {
    const group = Math.max(0, magnitudeOf(Math.max(1, value)) - this.unit - this.steps)
    return group * 2 ** this.steps + Math.floor(value / 2 ** (group + this.unit))
  }

  /** Returns the least value of a bucket, and the number of integers that fall into it. */
  #placeOf(index: number): { least: number; width: number } {
    const perGroup = 2 ** this.steps
    const group = Math.max(0, Math.floor(index / perGroup) - 1)
    const width = 2 ** (group + this.unit)
    return { least: (index - group * perGroup) * width, width }
  }

  /** Returns the least integer of a bucket. */
  leastOf(index: number): number {
    return this.#placeOf(index).least
  }

  /** Returns the greatest integer of a bucket. */
  mostOf(index: number): number {
    const { least, width } = this.#placeOf(index)
    return least + width - 1
  }

  /** Returns the middle of a bucket, which estimates a value of the bucket when only the bucket is known. */
  middleOf(index: number): number {
    const { least, width } = this.#placeOf(index)
    return least + Math.floor(width / 2)
  }

  /**
   * Returns the percentile `p` of the values in buckets: at least `p` percent of the values are at most the result. It is the
   * greatest value of the percentile's bucket, or `max` if that is less; 0 if there is no value.
   *
   * @param counts - the count of each bucket, and after them the count of the values above all buckets.
   * @param count - the sum of `counts`.
   */
  percentile(counts: Float64Array, count: number, max: number, p: number): number {
    // The factor is slightly below 1, so that a rounding error does not ask for one value too many.
    const wanted = Math.max(1, Math.ceil((p / 100) * count * (1 - Number.EPSILON)))
    let seen = 0
    for (let k = 0; k < counts.length; k++) {
      seen += counts[k] as number
      if (seen >= wanted) return k < this.length ? Math.min(this.mostOf(k), max) : max
    }
    return 0
  }
}
