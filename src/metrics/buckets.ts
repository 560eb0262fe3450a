/**
 * Which bucket a value falls into. A bucket holds what is above the bound before it, up to and with
 * its own.
 *
 * @module
 */
import type { BucketsSpec } from './schema.js'

export interface Buckets {
  /** Upper bounds, ascending. One more bucket, the last, holds what is above all of them. */
  readonly bounds: Float64Array
  /** The bucket of a finite number: 0 to `bounds.length`. */
  indexOf(value: number): number
}

/** Bounds as they were given: O(log of their number). */
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

/** One double and its bits. */
const double = new Float64Array(1)
const halves = new Uint32Array(double.buffer)
/** The half with sign, exponent and the first 20 bits of the fraction. */
const HIGH = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 1 : 0
const EXPONENT_BIAS = 1023
const FRACTION_BITS = 20
const FRACTION_MASK = (1 << FRACTION_BITS) - 1

/**
 * Prometheus's exponential buckets: bound `n` is 2 ** (n / 2 ** schema). Bucket 0 holds all up to the
 * bound of `first`, the others one `n` each.
 */
export class ExponentialBuckets implements Buckets {
  readonly bounds: Float64Array
  readonly schema: number
  /** The `n` of bucket 0's bound. */
  readonly first: number
  readonly #perOctave: number
  /** The bounds from 1 to 2. */
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

  /** The least `n` whose bound is not below `value`, a normal double above 0. */
  #number(value: number): number {
    double[0] = value
    const high = halves[HIGH] as number
    const exponent = (high >>> FRACTION_BITS) - EXPONENT_BIAS
    halves[HIGH] = (EXPONENT_BIAS << FRACTION_BITS) | (high & FRACTION_MASK)
    return exponent * this.#perOctave + this.#fractions.indexOf(double[0])
  }

  indexOf(value: number): number {
    const { bounds } = this
    if (!(value > (bounds[0] as number))) return 0
    if (value > (bounds[bounds.length - 1] as number)) return bounds.length
    return this.#number(value) - this.first
  }
}

export function makeBuckets(spec: BucketsSpec): Buckets {
  return 'bounds' in spec ? new ClassicBuckets(spec.bounds) : new ExponentialBuckets(spec)
}
