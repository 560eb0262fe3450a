/**
 * What counts: a metric without labels, or one series of a metric with labels. Each belongs to the
 * thread that made it; the same series in another thread is another object on the same memory.
 *
 * @module
 */
import { backend } from '../backend.js'
import type { Counters } from '../counters.js'
import { rangeError } from '../errors.js'
import { Status } from '../layout.js'
import type { Handle } from '../operations.js'
import type { Buckets } from './buckets.js'

const { countedAdd, counterAddInt32 } = backend.operations

/** A constant of this module: see counters.ts. */
const OK = Status.ok
const MOST_INT32 = 2 ** 31 - 1

/** How a batch adds to an instrument. */
export type Step =
  | { readonly kind: 'add'; readonly counters: Counters; readonly i: number; readonly canFall: boolean }
  | {
      readonly kind: 'observe'
      readonly buckets: Buckets
      readonly counts: Counters
      readonly base: number
      readonly sums: Counters
      readonly sum: number
    }

/** The method of an instrument that only batches call. */
export const step = Symbol('step')

/** Throws if a counter that only grows is to go down. */
export function checkGrows(delta: number): void {
  if (delta < 0) throw rangeError('delta', 'a number of 0 or more: a counter only grows', delta)
}

/** A count that only grows. */
export class Counter {
  readonly #counters: Counters
  readonly #i: number = 0
  readonly #handle: Handle = 0

  /** @internal */
  constructor(counters: Counters, i: number) {
    this.#counters = counters
    this.#i = i
    this.#handle = counters.region.handle
  }

  /**
   * Adds `delta`, 1 by default: exactly once, whatever interrupts it. Wait-free; relaxed order.
   *
   * @param delta - 0 or more: an integer up to 2**53 - 1, or with `type: 'f64'` any finite number.
   * @throws TypeError if it is no number, RangeError if it is another one.
   */
  inc(delta = 1): void {
    // Small integers, the usual case, here: one comparison, one operation. Counters.add() does the rest.
    if (delta >>> 0 !== delta || delta > MOST_INT32 || counterAddInt32(this.#handle, this.#i, delta) !== OK) {
      this.#addOther(delta)
    }
  }

  #addOther(delta: number): void {
    checkGrows(delta)
    this.#counters.add(this.#i, delta)
  }

  /** The total over all threads. O(possible CPUs). */
  get value(): number {
    return this.#counters.get(this.#i)
  }

  /** @internal */
  [step](): Step {
    return { kind: 'add', counters: this.#counters, i: this.#i, canFall: false }
  }
}

/**
 * A value that goes up and down.
 *
 * It is one value for all threads: what was {@link set} last, and on top of it what any thread has
 * added since. A thread that sets it takes away all additions made before.
 */
export class Gauge {
  readonly #counters: Counters
  readonly #i: number = 0

  /** @internal */
  constructor(counters: Counters, i: number) {
    this.#counters = counters
    this.#i = i
  }

  /**
   * Sets the value: one compare-and-swap against other setters, O(possible CPUs). A concurrent addition is
   * either before it, and gone, or on top of it. An f64 gauge that is added to as well shows the value with
   * the rounding of what was added so far.
   *
   * @param value - a finite number; with `type: 'i64'` an integer from -(2**53 - 1) to 2**53 - 1.
   * @throws TypeError if it is no number, RangeError if it is another one.
   */
  set(value: number): void {
    this.#counters.set(this.#i, value)
  }

  /** Sets it to the seconds since 1970. */
  setToCurrentTime(): void {
    this.set(this.#counters.region.element === 'i64' ? Math.floor(Date.now() / 1000) : Date.now() / 1000)
  }

  /** Adds `delta`, 1 by default. Exactly once, wait-free. Arguments and errors as {@link set}. */
  inc(delta = 1): void {
    this.#counters.add(this.#i, delta)
  }

  /** Subtracts `delta`, 1 by default. */
  dec(delta = 1): void {
    this.#counters.add(this.#i, -delta)
  }

  /** The value, the same for all threads. O(possible CPUs). */
  get value(): number {
    return this.#counters.get(this.#i)
  }

  /** @internal */
  [step](): Step {
    return { kind: 'add', counters: this.#counters, i: this.#i, canFall: true }
  }
}

/** What a histogram has seen. */
export interface HistogramValue {
  /** The sum of `counts`. */
  readonly count: number
  readonly sum: number
  /** Upper bounds of the buckets. */
  readonly bounds: readonly number[]
  /** Observations in each bucket, and one more number: those above all bounds. */
  readonly counts: readonly number[]
}

/**
 * How values are distributed. An observation is two additions, to its bucket and to the sum: between them
 * a reader sees the one without the other. The count is the sum of the buckets.
 */
export class Histogram {
  readonly #buckets: Buckets
  readonly #counts: Counters
  readonly #base: number = 0
  readonly #sums: Counters
  readonly #sum: number = 0
  readonly #countsHandle: Handle = 0
  readonly #sumsHandle: Handle = 0

  /**
   * @internal
   * @param base - the counter of the first bucket.
   */
  constructor(buckets: Buckets, counts: Counters, base: number, sums: Counters, sum: number) {
    this.#buckets = buckets
    this.#counts = counts
    this.#base = base
    this.#sums = sums
    this.#sum = sum
    this.#countsHandle = counts.region.handle
    this.#sumsHandle = sums.region.handle
  }

  /**
   * Counts a value, once. Wait-free; O(log buckets).
   *
   * @param value - a finite number; for exponential buckets 0 or more.
   * @throws TypeError if it is no number, RangeError if it is another one.
   */
  observe(value: number): void {
    if (!Number.isFinite(value)) this.#sums.checkDelta(value)
    const bucket = this.#base + this.#buckets.indexOf(value)
    const status = countedAdd(this.#countsHandle, bucket, this.#sumsHandle, this.#sum, value)
    if (status !== OK) this.#counts.fail(status, bucket, value)
  }

  /** Starts a clock, and returns what stops it: that observes the seconds between, and returns them. */
  startTimer(): () => number {
    const start = performance.now()
    return () => {
      const seconds = (performance.now() - start) / 1000
      this.observe(seconds)
      return seconds
    }
  }

  /** What was observed in all threads. O(buckets x possible CPUs). */
  get value(): HistogramValue {
    const bounds = [...this.#buckets.bounds]
    const counts = Array.from({ length: bounds.length + 1 }, (_, k) => this.#counts.get(this.#base + k))
    return { count: counts.reduce((a, b) => a + b), sum: this.#sums.get(this.#sum), bounds, counts }
  }

  /** @internal */
  [step](): Step {
    const [buckets, counts, base] = [this.#buckets, this.#counts, this.#base]
    return { kind: 'observe', buckets, counts, base, sums: this.#sums, sum: this.#sum }
  }
}

export type Instrument = Counter | Gauge | Histogram
