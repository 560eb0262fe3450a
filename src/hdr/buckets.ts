/**
 * The buckets of a high dynamic range histogram: which one a value falls into, and what it stands for.
 *
 * Values are grouped by their power of two, and each group is cut into as many linear steps as the wanted
 * number of significant digits takes. Values below the first power of two that needs coarser steps than
 * one unit are one group of twice as many. The numbering is that of HdrHistogram, so that encoded
 * histograms can be exchanged.
 *
 * @module
 */
import { checkInteger } from '../errors.js'

/** What a histogram covers, and how finely. */
export interface HdrRange {
  /** Smaller differences need not be told apart: 1 or more. */
  readonly lowest: number
  /** Larger values are counted together: at least twice `lowest`. */
  readonly highest: number
  /** Significant decimal digits, 1 to 5: with 2, a value is known to 1 %. */
  readonly digits: number
}

/** @throws TypeError, RangeError naming the option that is wrong. */
export function checkRange({ lowest, highest, digits }: HdrRange): HdrRange {
  checkInteger('lowest', lowest, 1, 2 ** 51)
  checkInteger('highest', highest, 2 * lowest, Number.MAX_SAFE_INTEGER)
  checkInteger('digits', digits, 1, 5)
  return { lowest, highest, digits }
}

/** floor(log2(value)) of an integer from 1 to 2**53 - 1. */
function magnitudeOf(value: number): number {
  return value < 2 ** 31 ? 31 - Math.clz32(value) : 62 - Math.clz32(value / 2 ** 31)
}

export class HdrBuckets {
  readonly range: HdrRange
  /** log2 of the unit: values that differ by less are never told apart. */
  readonly unit: number
  /** log2 of the steps of a group: 10 ** digits at least. */
  readonly steps: number
  /** How many buckets there are: a whole number of groups. */
  readonly length: number

  /** @throws TypeError, RangeError naming the option that is wrong. */
  constructor(range: HdrRange) {
    this.range = checkRange(range)
    this.unit = magnitudeOf(range.lowest)
    this.steps = Math.ceil(Math.log2(2 * 10 ** range.digits)) - 1
    const perGroup = 2 ** this.steps
    this.length = Math.ceil((this.indexOf(range.highest) + 1) / perGroup) * perGroup
  }

  /** The bucket of an integer from 0 to 2**53 - 1; `length` or more for what is beyond them. */
  indexOf(value: number): number {
    const group = Math.max(0, magnitudeOf(Math.max(1, value)) - this.unit - this.steps)
    return group * 2 ** this.steps + Math.floor(value / 2 ** (group + this.unit))
  }

  /** The least value of a bucket, and how many values there are in it. */
  #placeOf(index: number): { least: number; width: number } {
    const perGroup = 2 ** this.steps
    const group = Math.max(0, Math.floor(index / perGroup) - 1)
    const width = 2 ** (group + this.unit)
    return { least: (index - group * perGroup) * width, width }
  }

  leastOf(index: number): number {
    return this.#placeOf(index).least
  }

  /** The greatest integer of a bucket. */
  mostOf(index: number): number {
    const { least, width } = this.#placeOf(index)
    return least + width - 1
  }

  /** What a value of this bucket is taken for where the value itself is not known. */
  middleOf(index: number): number {
    const { least, width } = this.#placeOf(index)
    return least + Math.floor(width / 2)
  }
}
