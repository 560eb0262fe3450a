/**
 * Instruments: a metric without labels, or one series of a metric with labels. An instrument belongs to the thread that made
 * it; other threads have their own objects, which use the memory of the series too.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'
import { backend } from '../runtime/backend.js'
import type { Counters } from '../counter/counters.js'
import { type Inspection, describe, inspected } from '../core/describe.js'
import { checkFinite, rangeError } from '../core/errors.js'
import { Status } from '../core/layout.js'
import type { Handle } from '../core/operations.js'
import type { Buckets } from './buckets.js'

const { countedAdd, counterAddInt32 } = backend.operations

/** A copy in this module: counters.ts explains why hot code needs one. */
const OK = Status.ok
const MOST_INT32 = 2 ** 31 - 1

/** How a batch updates an instrument: it adds to a counter or gauge, or observes a value in a histogram. */
export type Step =
  (Cell & { readonly kind: 'add'; readonly canFall: boolean }) | (BucketCells & { readonly kind: 'observe' })

/** The name of an instrument's method that only batches call. */
export const step = Symbol('step')

/** The name of the field from which an instrument initializes its own fields: RegionHolder in region.ts explains why. */
const place = Symbol('place')

/** The base class of instruments: their position in the buffer, and how they are shown. */
abstract class Placed<Place, Value> {
  /** @internal */
  readonly [place]: Place

  /** @internal */
  constructor(at: Place) {
    this[place] = at
  }

  static {
    // `labels` is not declared, so TypeScript rejects a call; JavaScript gets an error that names the remedy.
    const labels = (): never => {
      throw new TypeError(
        'labels: expected a metric whose schema has labels; this one has none, or is a series that labels() gave: ' +
          'call its own methods, as in metrics.requests.inc()',
      )
    }
    Object.defineProperty(this.prototype, 'labels', { value: labels })
  }

  /** The current value over all threads. */
  abstract get value(): Value

  /** Returns {@link value}. */
  toJSON(): Value {
    return this.value
  }

  /** Returns {@link value} as text. */
  toString(): string {
    return String(this.value)
  }

  /** @internal */
  [inspected](depth: number, options: Inspection): string {
    return describe(this.constructor.name, () => ({ value: this.value }), depth, options)
  }
}

/** The position of a counter or gauge: counter `i` of `counters`. */
interface Cell {
  readonly counters: Counters
  readonly i: number
}

/** The position of a histogram: its buckets are the counters of `counts` from `base` on, its sum is counter `sum` of `sums`. */
interface BucketCells {
  readonly buckets: Buckets
  readonly counts: Counters
  readonly base: number
  readonly sums: Counters
  readonly sum: number
}

/** @throws RangeError if `delta` is below 0. */
export function checkGrows(delta: number): void {
  // The addition itself refuses a value that is no number.
  if (typeof delta === 'number' && delta < 0)
    throw rangeError('delta', 'a number of 0 or more: a counter only grows', delta)
}

/** Returns whether `delta` is an integer from 0 to 2**31 - 1. */
function isSmall(delta: number): boolean {
  try {
    return delta >>> 0 === delta && delta <= MOST_INT32
  } catch {
    // `delta` is a bigint or a symbol. A check of the type would cost an instruction; a `catch` costs none unless it runs.
    return false
  }
}

/** A metric that counts events or amounts. Its value only grows. */
export class Counter extends Placed<Cell, number> {
  readonly #counters = this[place].counters
  readonly #i = this[place].i
  readonly #handle: Handle = this[place].counters.region.handle

  /**
   * Adds `delta` exactly once, whatever interrupts the thread. Wait-free, O(1); relaxed memory order.
   *
   * @param delta - 1 by default: an integer from 0 to 2**53 - 1, or with `type: 'f64'` a finite number of 0 or more.
   * @throws TypeError if `delta` is no number; RangeError if it is out of range.
   */
  inc(delta = 1): void {
    // Small integers are the usual case: they take one comparison and one operation. Counters.add() adds all other values.
    if (!isSmall(delta) || counterAddInt32(this.#handle, this.#i, delta) !== OK) this.#addOther(delta)
  }

  #addOther(delta: number): void {
    checkGrows(delta)
    this.#counters.add(this.#i, delta)
  }

  /** The total of all threads. O(possible CPUs). */
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
 * All threads share one value: the last one that was {@link set}, plus all additions since then. Setting the value discards
 * all earlier additions.
 */
export class Gauge extends Placed<Cell, number> {
  readonly #counters = this[place].counters
  readonly #i = this[place].i

  /**
   * Sets the value. O(possible CPUs); one compare-and-swap orders it against other threads that set the value. A concurrent
   * addition either comes before the call, which discards it, or is added to the new value. If a thread has added to an f64
   * gauge since it was last set, the call stops the CPUs for some microseconds, as `reset()` of a `PerCpuCounter` does.
   *
   * @param value - a finite number; with `type: 'i64'` an integer from -(2**53 - 1) to 2**53 - 1.
   * @throws TypeError if `value` is no number; RangeError if it is out of range.
   */
  set(value: number): void {
    this.#counters.set(this.#i, value)
  }

  /** Sets the value to the seconds since 1970; with `type: 'i64'` to whole seconds. */
  setToCurrentTime(): void {
    this.set(this.#counters.region.element === 'i64' ? Math.floor(Date.now() / 1000) : Date.now() / 1000)
  }

  /** Adds `delta`, 1 by default, exactly once. Wait-free. It accepts the numbers of {@link set} and throws its errors. */
  inc(delta = 1): void {
    this.#counters.add(this.#i, delta)
  }

  /** Subtracts `delta`, 1 by default, exactly once. Wait-free. It accepts the numbers of {@link set} and throws its errors. */
  dec(delta = 1): void {
    // Only a number is negated: a minus would turn a string into a number, and hide the mistake.
    this.#counters.add(this.#i, typeof delta === 'number' ? -delta : delta)
  }

  /** The value, which all threads share. O(possible CPUs). */
  get value(): number {
    return this.#counters.get(this.#i)
  }

  /** @internal */
  [step](): Step {
    return { kind: 'add', ...this[place], canFall: true }
  }
}

/** The value of a {@link Histogram}. */
export interface HistogramValue {
  /** Number of observations: the sum of `counts`. */
  readonly count: number
  /** The sum of the observed values. */
  readonly sum: number
  /** The upper bounds of the buckets. */
  readonly bounds: readonly number[]
  /** The number of observations in each bucket, and after them the number of observations above all bounds. */
  readonly counts: readonly number[]
}

/**
 * The distribution of observed values. An observation makes two additions, one to its bucket and one to the sum; a reader
 * may see the first without the second. The count is the sum of the buckets.
 */
export class Histogram extends Placed<BucketCells, HistogramValue> {
  readonly #buckets = this[place].buckets
  readonly #counts = this[place].counts
  readonly #base = this[place].base
  readonly #sums = this[place].sums
  readonly #sum = this[place].sum
  readonly #countsHandle: Handle = this[place].counts.region.handle
  readonly #sumsHandle: Handle = this[place].sums.region.handle

  /**
   * Counts a value exactly once. Wait-free; O(log buckets); relaxed memory order.
   *
   * @param value - a finite number; for exponential buckets 0 or more.
   * @throws TypeError if `value` is no number; RangeError if it is out of range.
   */
  observe(value: number): void {
    if (!Number.isFinite(value)) checkFinite('value', value)
    const bucket = this.#base + this.#buckets.indexOf(value)
    const status = countedAdd(this.#countsHandle, bucket, this.#sumsHandle, this.#sum, value)
    if (status !== OK) this.#counts.fail(status, bucket, value)
  }

  /** Starts a timer. Returns a function that observes the seconds since the start and returns them. */
  startTimer(): () => number {
    const start = performance.now()
    return () => {
      const seconds = (performance.now() - start) / 1000
      this.observe(seconds)
      return seconds
    }
  }

  /** The observations of all threads. O(buckets x possible CPUs). */
  get value(): HistogramValue {
    const bounds = [...this.#buckets.bounds]
    const counts = Array.from({ length: bounds.length + 1 }, (_, k) => this.#counts.get(this.#base + k))
    return { count: counts.reduce((a, b) => a + b), sum: this.#sums.get(this.#sum), bounds, counts }
  }

  /** Returns the count and the sum as text. */
  override toString(): string {
    const { count, sum } = this.value
    return `count ${count}, sum ${sum}`
  }

  /** @internal */
  override [inspected](depth: number, options: Inspection): string {
    return describe('Histogram', () => this.value, depth, options)
  }

  /** @internal */
  [step](): Step {
    return { kind: 'observe', ...this[place] }
  }
}

/** An object that is updated: a metric without labels, or one series of a metric with labels. */
export type Instrument = Counter | Gauge | Histogram
