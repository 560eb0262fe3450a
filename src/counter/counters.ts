/**
 * Operations on one region of counters, with their checks and errors, for {@link PerCpuCounter} and
 * {@link PerCpuCounterArray}.
 *
 * @module
 */
import { types } from 'node:util'
import type { OpenRegion } from '../core/contract.js'
import { backend } from '../runtime/backend.js'
import { checkOpen } from '../runtime/disposal.js'
import type { Handle } from '../core/operations.js'
import { checkChoice, checkInteger, disposedError, rangeError, typeError } from '../core/errors.js'
import {
  ELEMENTS,
  type ElementName,
  INDEXES,
  type IndexName,
  Kind,
  MAX_LENGTH,
  Status,
} from '../core/layout.js'
import { checkOptions } from '../core/options.js'
import { NOT_ALLOCATED } from '../runtime/remote-errors.js'
import { bufferOfAnotherCopy, createRegion, openRegion } from '../runtime/region.js'

/** Options of a new {@link PerCpuCounter} or {@link PerCpuCounterArray}. */
export interface CounterOptions {
  /**
   * `i64` (the default) counts integers exactly and wraps at 64 bits. `f64` counts doubles; each addition rounds like one of
   * doubles.
   */
  type?: ElementName
  /**
   * What numbers the shards: the `cpu` (the default) or the `concurrency` id. Concurrency ids stay small if a process may use
   * only a few of many CPUs. If the kernel has no concurrency ids (before Linux 6.3), the CPU numbers the shards.
   */
  index?: IndexName
}

const { counterAdd, counterAddInt32, counterAddFloat64, counterGet, counterSet } = backend.operations
const { waiting } = backend

/** A copy in this module: optimized code embeds it, but loads and checks an imported constant at every call. */
const OK = Status.ok

/** Counted only when an attempt has failed, so the usual case pays nothing. */
let interrupted = 0

/**
 * Number of this thread's additions whose section was aborted and that a further attempt made. It covers additions to single
 * counters with the index `cpu` if libc registered the thread; other attempts are not told apart.
 */
export function interruptedAdditions(): number {
  return interrupted
}

const GAVE_UP =
  'rseq: the counter kept changing under a bounded number of attempts; something overwrites its memory in a loop'

const NOT_SET =
  'rseq: the counter holds an infinity, or cannot be set now: another thread kept it, or there is no way to stop the CPUs that add to it'

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

/**
 * A region of `length` counters at 0.
 *
 * @throws TypeError, RangeError for a length or an option that does not exist.
 */
export function newCounters(length: number, options: CounterOptions): SharedArrayBuffer {
  checkInteger('length', length, 1, MAX_LENGTH)
  const { type, index } = checkOptions('options', options, ['type', 'index'])
  const element = checkChoice('type', type, ELEMENTS)
  return createRegion(Kind.counters, length, element, checkChoice('index', index, INDEXES))
}

/** Sets `region` before the field initializers of Counters run; see RegionHolder for the reason. */
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

  /** Adds to counter `i`. For a 32-bit integer, the usual case, this is one comparison and one operation. */
  add(i: number, delta: number): void {
    if (typeof delta === 'number' && (delta | 0) === delta && typeof i === 'number' && i >>> 0 === i) {
      const status = counterAddInt32(this.#handle, i, delta)
      if (status !== OK) this.#addSlow(i, delta, status)
    } else {
      this.#addOther(i, delta)
    }
  }

  /** Adds a delta that is not a 32-bit integer, or throws if it is not accepted. */
  #addOther(i: number, delta: number): void {
    this.checkElement(i)
    this.checkDelta(delta)
    const status = counterAddFloat64(this.#handle, i, delta)
    if (status !== OK) this.#addSlow(i, delta, status)
  }

  /** Repeats an addition whose first attempt failed, or throws. */
  #addSlow(i: number, delta: number, first: number): void {
    // Numbers below the statuses are outcomes of a section: it was aborted, or the thread was on another CPU.
    if (first < Status.badHandle) interrupted++
    const status = counterAdd(this.#handle, i, delta)
    if (status !== OK) this.fail(status, i, delta)
  }

  /** Throws the error for the status of an operation. */
  fail(status: Status, i?: unknown, delta?: unknown): never {
    switch (status) {
      case Status.outOfRange:
        throw elementError(i, this.#length)
      case Status.badValue:
        throw deltaError(delta, this.region.element)
      case Status.contended:
      case Status.unfenceable:
        throw new Error(status === Status.contended ? GAVE_UP : NOT_SET)
      case Status.corrupt:
      case Status.noRoom:
        throw this.#unreadable()
      default:
        throw disposedError()
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

  /** Sets counter `i` for all CPUs at once. Earlier additions are gone; later additions count on top of `value`. */
  set(i: number, value: number): void {
    this.checkElement(i)
    this.checkDelta(value)
    let status = counterSet(this.#handle, i, value)
    if (status === Status.busy) status = waiting.counterSet(this.#handle, i, value)
    if (status !== OK) this.fail(status, i, value)
  }

  get(i: number): number {
    this.checkElement(i)
    const value = counterGet(this.#handle, i)
    if (Number.isNaN(value)) this.#shards(i)
    return value
  }

  getBigint(i: number): bigint {
    this.checkElement(i)
    checkOpen(this.region)
    // A double has no exact whole value; its integer part is the nearest thing.
    const whole = backend.counterBigint(this.#handle, i)
    if (whole !== null) return whole
    const total = this.get(i)
    if (!Number.isFinite(total)) throw rangeError('bigint', 'a counter whose total is finite', total)
    return BigInt(Math.trunc(total))
  }

  perCpu(i: number): number[] {
    return Array.from(this.#shards(i).subarray(0, this.region.shards))
  }

  overflow(i: number): number {
    return this.#shards(i)[this.region.shards] as number
  }

  /** Why the memory of this region was not read. */
  #unreadable(): Error {
    checkOpen(this.region)
    return new Error(`rseq: the counter ${NOT_ALLOCATED}`)
  }

  #shards(i: number): Float64Array {
    this.checkElement(i)
    const into = new Float64Array(this.region.shards + 1)
    if (!backend.counterShards(this.#handle, i, into)) throw this.#unreadable()
    return into
  }

  reset(i: number): number {
    this.checkElement(i)
    const held = backend.counterReset(this.#handle, i)
    if (held === null) throw disposedError()
    if (typeof held !== 'number') throw new Error(this.region.element === 'i64' ? GAVE_UP : NOT_SET)
    return held
  }

  snapshot<Values extends Float64Array | BigInt64Array>(into: Values): Values {
    const fits = types.isFloat64Array(into) || (types.isBigInt64Array(into) && this.region.element === 'i64')
    if (!fits) {
      const expected = this.region.element === 'i64' ? 'a Float64Array or BigInt64Array' : 'a Float64Array'
      throw typeError('into', expected, into)
    }
    if (into.length < this.#length)
      throw rangeError('into', `a length of at least ${this.#length}`, into.length)
    if (!backend.counterSnapshot(this.#handle, into)) throw this.#unreadable()
    return into
  }
}

const known = new WeakMap<object, Counters>()

/** Makes the counters behind an instance of a public class known to {@link countersOf}. */
export function rememberCounters(owner: object, counters: Counters): void {
  known.set(owner, counters)
}

/**
 * The counters behind a PerCpuCounterArray. If another copy of this package made it, its `buffer` is opened here, once.
 *
 * @throws TypeError if `owner` is no array of counters; RangeError if its buffer holds something else.
 */
export function countersOf(argument: string, owner: unknown): Counters {
  const ours = known.get(owner as object)
  if (ours !== undefined) return ours
  const buffer = bufferOfAnotherCopy(owner)
  if (buffer === undefined) throw typeError(argument, 'a PerCpuCounterArray', owner)
  const counters = new Counters(openRegion(buffer, Kind.counters))
  known.set(owner as object, counters)
  return counters
}
