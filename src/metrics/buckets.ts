/**
 * Computes the bucket of a value. A bucket contains the values that are above the previous bound and at or below its own
 * bound.
 *
 * @module
 */
import { rangeError } from '../core/errors.js'
import type { BucketsSpec } from './schema.js'

/** The buckets of a histogram. */
export interface Buckets {
  /** The upper bounds in ascending order. One more bucket, the last, contains the values above all bounds. */
  readonly bounds: Float64Array
  /**
   * Returns the bucket of a finite number: 0 to `bounds.length`.
   *
   * @throws RangeError if `value` is below 0 and the buckets are exponential.
   */
  indexOf(value: number): number
}

/** Buckets with the bounds that the schema gives. `indexOf()` is O(log bounds). */
class ClassicBuckets implements Buckets {
  readonly bounds: Float64Array

  constructor(bounds: readonly number[]) {
    this.bounds = Float64Array.from(bounds)
  }

  indexOf(value: number): number {
    const { bounds } = this
    let low = 0
    let high = bounds.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (value > (bounds[middle] as number)) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Memory for one double, which `halves` shows as two 32-bit words. */
const double = new Float64Array(1)
const halves = new Uint32Array(double.buffer)
/** The position of the half that contains the sign, the exponent and the first 20 bits of the fraction. */
const HIGH = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 1 : 0
const EXPONENT_BIAS = 1023
const FRACTION_BITS = 20
const FRACTION_MASK = (1 << FRACTION_BITS) - 1

/**
 * Prometheus's exponential buckets: bound `n` is 2 ** (n / 2 ** schema). Bucket 0 contains all values up to bound `first`;
 * bucket `k` has the bound `first + k`.
 */
export class ExponentialBuckets implements Buckets {
  readonly bounds: Float64Array
  readonly schema: number
  /** The number `n` of the bound of bucket 0. */
  readonly first: number
  readonly #perOctave: number
  /** The buckets whose bounds are from 1 to 2. */
  readonly #fractions: ClassicBuckets

  constructor({ schema, least, most }: { schema: number; least: number; most: number }) {
    this.schema = schema
    const perOctave = 2 ** schema
    this.#perOctave = perOctave
    const fractions = Array.from({ length: perOctave + 1 }, (_, k) => 2 ** (k / perOctave))
    this.#fractions = new ClassicBuckets(fractions)
    this.first = this.#number(least)
    const count = this.#number(most) - this.first + 1
    this.bounds = Float64Array.from({ length: count }, (_, k) => {
      const n = this.first + k
      const octave = Math.floor(n / perOctave)
      return (fractions[n - octave * perOctave] as number) * 2 ** octave
    })
  }

  /** Returns the least `n` whose bound is not below `value`, which is a normal double above 0. */
  #number(value: number): number {
    double[0] = value
    const high = halves[HIGH] as number
    const exponent = (high >>> FRACTION_BITS) - EXPONENT_BIAS
    halves[HIGH] = (EXPONENT_BIAS << FRACTION_BITS) | (high & FRACTION_MASK)
    return exponent * this.#perOctave + this.#fractions.indexOf(double[0])
  }

  indexOf(value: number): number {
    const { bounds } = this
    if (!(value > (bounds[0] as number))) {
      if (value < 0) throw rangeError('value', 'a number of 0 or more for exponential buckets', value)
      return 0
    }
    if (value > (bounds[bounds.length - 1] as number)) return bounds.length
    return this.#number(value) - this.first
  }
}

export function makeBuckets(spec: BucketsSpec): Buckets {
  return 'bounds' in spec ? new ClassicBuckets(spec.bounds) : new ExponentialBuckets(spec)
}
