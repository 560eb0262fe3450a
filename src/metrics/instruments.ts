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
  (Cell & { readonly kind: 'add'; readonly canFall: boolean }) | (BucketCells & { readonly kind: 'observe' })

/** The method of an instrument that only batches call. */
export const step = Symbol('step')

/** Where an instrument is, for its own fields to be initialized by: see OverBuffer in region.ts for why. */
const place = Symbol('place')

class Placed<Place> {
  readonly [place]: Place

  constructor(at: Place) {
    this[place] = at
  }
}

/** Counter `i` of `counters`. */
interface Cell {
  readonly counters: Counters
  readonly i: number
}

/** The counters of a histogram's buckets, from `base` on, and that of its sum. */
interface BucketCells {
  readonly buckets: Buckets
  readonly counts: Counters
  readonly base: number
  readonly sums: Counters
  readonly sum: number
}

/** Throws if a counter that only grows is to go down. */
export function checkGrows(delta: number): void {
  if (delta < 0) throw rangeError('delta', 'a number of 0 or more: a counter only grows', delta)
}

/** A count that only grows. */
export class Counter extends Placed<Cell> {
  readonly #counters = this[place].counters
  readonly #i = this[place].i
  readonly #handle: Handle = this[place].counters.region.handle

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
    return { kind: 'add', ...this[place], canFall: false }
  }
}

/**
 * A value that goes up and down.
 *
 * It is one value for all threads: what was {@link set} last, and on top of it what any thread has
 * added since. A thread that sets it takes away all additions made before.
 */
export class Gauge extends Placed<Cell> {
  readonly #counters = this[place].counters
  readonly #i = this[place].i

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
    return { kind: 'add', ...this[place], canFall: true }
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
export class Histogram extends Placed<BucketCells> {
  readonly #buckets = this[place].buckets
  readonly #counts = this[place].counts
  readonly #base = this[place].base
  readonly #sums = this[place].sums
  readonly #sum = this[place].sum
  readonly #countsHandle: Handle = this[place].counts.region.handle
  readonly #sumsHandle: Handle = this[place].sums.region.handle

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
    return { kind: 'observe', ...this[place] }
  }
}

export type Instrument = Counter | Gauge | Histogram
