/**
 * What {@link PerCpuCounter} and {@link PerCpuCounterArray} share: the checks and the errors around
 * the operations on one region of counters.
 *
 * @module
 */
import { type OpenRegion, backend } from './backend.js'
import type { Handle } from './operations.js'
import { checkChoice, checkInteger, checkObject, rangeError, typeError } from './errors.js'
import { type ElementName, INDEXES, type IndexName, Kind, MAX_LENGTH, Status } from './layout.js'
import { createRegion } from './region.js'

/** Options of a new counter or array of counters. */
export interface CounterOptions {
  /**
   * `i64` (the default) holds whole numbers exactly up to 64 bits and wraps there. `f64` holds
   * doubles: any number, with a double's rounding in each addition.
   */
  type?: ElementName
  /**
   * What numbers the shards: the `cpu` (the default) or the `concurrency` id, which is compact where
   * a process is confined to few of many CPUs. Where the kernel has no concurrency id, the CPU.
   */
  index?: IndexName
}

export const ELEMENTS = ['i64', 'f64'] as const

const { counterAdd, counterAddInt32, counterAddFloat64, counterGet, counterSet } = backend.operations

/** A constant of this module, which optimized code knows: an imported one it loads and checks at every call. */
const OK = Status.ok

/** Where an attempt fails, it costs nothing to count that. */
let interrupted = 0

/**
 * Additions of this thread whose section was interrupted, and which were made by another attempt: those to single
 * counters, by CPU, where libc registers the threads. Elsewhere attempts are not told apart.
 */
export function interruptedAdditions(): number {
  return interrupted
}

const GAVE_UP =
  'rseq: the counter kept changing under a bounded number of attempts; something overwrites its memory in a loop'

function elementError(i: unknown, length: number): TypeError | RangeError {
  const expected = `an integer from 0 to ${length - 1}`
  return typeof i === 'number' ? rangeError('index', expected, i) : typeError('index', expected, i)
}

function deltaError(delta: unknown, element: ElementName): TypeError | RangeError {
  const expected =
    element === 'i64' ? 'an integer from -(2**53 - 1) to 2**53 - 1 for an i64 counter' : 'a finite number'
  return typeof delta === 'number'
    ? rangeError('delta', expected, delta)
    : typeError('delta', expected, delta)
}

/** Options must be an object, so that `new PerCpuCounter('f64')` is told what it should have been. */
function checkOptions(options: unknown): { type: ElementName; index: IndexName } {
  const expected = "an object such as { type: 'i64', index: 'cpu' }"
  const { type, index }: CounterOptions = checkObject('options', options, expected)
  return { type: checkChoice('type', type, ELEMENTS), index: checkChoice('index', index, INDEXES) }
}

/**
 * A region of `length` counters at 0.
 *
 * @throws TypeError, RangeError for a length or an option that does not exist.
 */
export function newCounters(length: number, options: CounterOptions): SharedArrayBuffer {
  checkInteger('length', length, 1, MAX_LENGTH)
  const { type, index } = checkOptions(options)
  return createRegion(Kind.counters, length, type, index)
}

/** As OverBuffer, for the region itself: it is there when the fields of Counters are initialized. */
class OverRegion {
  readonly region: OpenRegion

  constructor(region: OpenRegion) {
    this.region = region
  }
}

/** A region of counters, open in this thread. */
export class Counters extends OverRegion {
  readonly #handle: Handle = this.region.handle
  readonly #length = this.region.length

  /** Adds to counter `i`. Small integers, the usual case, take one comparison and one operation. */
  add(i: number, delta: number): void {
    if (typeof delta === 'number' && (delta | 0) === delta && typeof i === 'number' && i >>> 0 === i) {
      const status = counterAddInt32(this.#handle, i, delta)
      if (status !== OK) this.#addAnyhow(i, delta, status)
    } else {
      this.#addOther(i, delta)
    }
  }

  /** Adds what is no small integer, or says what is wrong with it. */
  #addOther(i: number, delta: number): void {
    this.checkElement(i)
    this.checkDelta(delta)
    const status = counterAddFloat64(this.#handle, i, delta)
    if (status !== OK) this.#addAnyhow(i, delta, status)
  }

  /** Adds what one attempt did not, or throws. */
  #addAnyhow(i: number, delta: number, first: number): void {
    // Below the statuses are a section's outcomes: it was aborted, or found the thread elsewhere.
    if (first < Status.badHandle) interrupted++
    const status = counterAdd(this.#handle, i, delta)
    if (status !== OK) this.fail(status, i, delta)
  }

  /** Throws what an operation refused. */
  fail(status: Status, i?: unknown, delta?: unknown): never {
    switch (status) {
      case Status.outOfRange:
        throw elementError(i, this.#length)
      case Status.badValue:
        throw deltaError(delta, this.region.element)
      case Status.contended:
        throw new Error(GAVE_UP)
      default:
        throw new Error(`rseq: the counter is closed (status ${status})`)
    }
  }

  checkElement(i: unknown): void {
    if (typeof i !== 'number' || i >>> 0 !== i || i >= this.#length) throw elementError(i, this.#length)
  }

  checkDelta(delta: unknown): void {
    const { element } = this.region
    const fits = element === 'i64' ? Number.isSafeInteger(delta) : Number.isFinite(delta)
    if (!fits) throw deltaError(delta, element)
  }

  /** Sets counter `i` at once for all CPUs: additions before it are gone, later ones come on top. */
  set(i: number, value: number): void {
    this.checkElement(i)
    this.checkDelta(value)
    const status = counterSet(this.#handle, i, value)
    if (status !== OK) this.fail(status, i, value)
  }

  get(i: number): number {
    this.checkElement(i)
    return counterGet(this.#handle, i)
  }

  getBigint(i: number): bigint {
    this.checkElement(i)
    // A double has no exact whole value; its integer part is the nearest thing.
    return backend.counterBigint(this.#handle, i) ?? BigInt(Math.trunc(this.get(i)))
  }

  perCpu(i: number): number[] {
    return Array.from(this.#shards(i).subarray(0, this.region.shards))
  }

  overflow(i: number): number {
    return this.#shards(i)[this.region.shards] as number
  }

  #shards(i: number): Float64Array {
    this.checkElement(i)
    const into = new Float64Array(this.region.shards + 1)
    backend.counterShards(this.#handle, i, into)
    return into
  }

  reset(i: number): number {
    this.checkElement(i)
    const held = backend.counterReset(this.#handle, i)
    if (typeof held !== 'number') throw new Error(GAVE_UP)
    return held
  }

  snapshot<Values extends Float64Array | BigInt64Array>(into: Values): Values {
    const fits =
      into instanceof Float64Array || (into instanceof BigInt64Array && this.region.element === 'i64')
    if (!fits) {
      const expected = this.region.element === 'i64' ? 'a Float64Array or BigInt64Array' : 'a Float64Array'
      throw typeError('into', expected, into)
    }
    if (into.length < this.#length)
      throw rangeError('into', `a length of at least ${this.#length}`, into.length)
    backend.counterSnapshot(this.#handle, into)
    return into
  }
}

const known = new WeakMap<object, Counters>()

/** Remembers what an instance of a public class stands on, for the other modules of this package. */
export function rememberCounters(owner: object, counters: Counters): void {
  known.set(owner, counters)
}

/** What `owner` stands on; undefined if it is nothing of ours. */
export function countersOf(owner: unknown): Counters | undefined {
  return typeof owner === 'object' && owner !== null ? known.get(owner) : undefined
}
