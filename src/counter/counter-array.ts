import { summary } from '../core/describe.js'
import { own } from '../runtime/disposal.js'
import { types } from 'node:util'
import { BatchEntries } from './batch-entries.js'
import { type CounterOptions, Counters, newCounters, rememberCounters } from './counters.js'
import { checkInteger, typeError } from '../core/errors.js'
import { type ElementName, type IndexName, Kind } from '../core/layout.js'
import { AdoptedBuffer, RegionHolder, bufferFor, openRegion } from '../runtime/region.js'

/** Additions that {@link PerCpuCounterArray.addMany} makes in one crossing: enough to make its cost negligible. */
const MADE_AT_ONCE = 256

/**
 * An array of counters that worker threads share, with a shard for every CPU. Each element works like a
 * {@link PerCpuCounter}. The elements of one CPU are contiguous (eight share a cache line), and CPUs share no cache line.
 *
 * Any thread may call any method at any time; a {@link snapshot} is no atomic copy.
 * Memory: (possible CPUs + 1) x (8 x length, rounded up to 128) bytes and at most 256 more.
 *
 * @example
 * ```ts
 * const byStatus = new PerCpuCounterArray(600)
 * byStatus.increment(200)
 * byStatus.get(200) // 1
 * ```
 */
export class PerCpuCounterArray extends RegionHolder {
  readonly #counters = new Counters(own(this, openRegion(this.buffer, Kind.counters)))
  /** Number of counters. */
  readonly length = this.#counters.region.length
  /** Made by the first {@link addMany}. */
  #batch: BatchEntries | null = null

  /**
   * Makes counters at 0.
   *
   * @param length - number of counters, 1 or more.
   * @param options - the type of the counters, and what numbers the shards.
   * @throws TypeError if an argument has the wrong type or an option is unknown; RangeError if a value is out of range, or
   *   the memory is not available.
   */
  constructor(length: number, options: CounterOptions = {}) {
    super(bufferFor('PerCpuCounterArray', [length, options], () => newCounters(length, options)))
    rememberCounters(this, this.#counters)
  }

  /**
   * Closes what this object has open in this thread. Other objects on the buffer are not affected; every later operation of
   * this object throws an Error. The second call does nothing.
   */
  override [Symbol.dispose](): void {
    this.#batch?.close()
    super[Symbol.dispose]()
  }

  /**
   * Opens counters that another thread made.
   *
   * @param buffer - their {@link PerCpuCounterArray.buffer}, received by `workerData` or a message.
   * @returns a new object on the memory of those counters.
   * @throws TypeError if `buffer` is no SharedArrayBuffer.
   * @throws RangeError if `buffer` is too short, has another layout version or another kind of content, or is damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuCounterArray {
    return new PerCpuCounterArray(0, new AdoptedBuffer(buffer) as CounterOptions)
  }

  /** The type of the counters: `i64` or `f64`. */
  get type(): ElementName {
    return this.#counters.region.element
  }

  /** What numbers the shards: the requested index, or `cpu` if the kernel has no concurrency ids. */
  get index(): IndexName {
    return this.#counters.region.index
  }

  /**
   * Adds `delta` to counter `i` exactly once, whatever interrupts the thread. O(1), wait-free; relaxed memory order.
   *
   * @param i - an integer from 0 to length - 1.
   * @param delta - for `i64` an integer from -(2**53 - 1) to 2**53 - 1, for `f64` a finite number.
   * @throws TypeError if an argument is no number; RangeError if an argument is out of range. Then nothing is added.
   */
  add(i: number, delta: number): void {
    this.#counters.add(i, delta)
  }

  /** Adds 1 to counter `i`. Errors as of {@link add}. */
  increment(i: number): void {
    this.#counters.add(i, 1)
  }

  /** Subtracts 1 from counter `i`. Errors as of {@link add}. */
  decrement(i: number): void {
    this.#counters.add(i, -1)
  }

  /**
   * Adds deltas[k] to counter indices[k] for every k below `count`, with one crossing into native code for 256 additions.
   * O(count). All arguments are checked first: if one is refused, nothing is added.
   *
   * @param indices - the counters, each from 0 to length - 1.
   * @param deltas - what to add, each as for {@link add}.
   * @param count - number of additions, at most the length of the shorter array; by default the length of `indices`.
   * @throws TypeError, RangeError as {@link add}, for the first element that is wrong.
   */
  addMany(indices: Uint32Array, deltas: Float64Array, count?: number): void {
    if (!types.isUint32Array(indices)) throw typeError('indices', 'a Uint32Array', indices)
    if (!types.isFloat64Array(deltas)) throw typeError('deltas', 'a Float64Array', deltas)
    const most = Math.min(indices.length, deltas.length)
    const end = checkInteger('count', count === undefined ? indices.length : count, 0, most)
    for (let k = 0; k < end; k++) {
      this.#counters.checkElement(indices[k])
      this.#counters.checkDelta(deltas[k])
    }
    const batch = (this.#batch ??= new BatchEntries(this.#counters, MADE_AT_ONCE))
    // A former call may have thrown half-way, if another thread wrote to its arrays between the checks and the use.
    batch.clear()
    for (let k = 0; k < end; k++) batch.add(indices[k] as number, deltas[k] as number)
    batch.commit()
  }

  /**
   * Returns the total of counter `i`, like {@link PerCpuCounter.value}. O(possible CPUs).
   *
   * @throws TypeError if `i` is no number; RangeError if it is out of range.
   */
  get(i: number): number {
    return this.#counters.get(i)
  }

  /** Returns the exact total of counter `i`, like {@link PerCpuCounter.bigint}. Errors as of {@link get}. */
  getBigint(i: number): bigint {
    return this.#counters.getBigint(i)
  }

  /**
   * Returns all totals, each as {@link get} returns it. They are read one after the other, not atomically.
   * O(length x possible CPUs).
   */
  snapshot(): Float64Array
  /**
   * Writes all totals into an array, each as {@link get} returns it, or exactly into a BigInt64Array.
   *
   * @param into - a Float64Array, or for `i64` counters a BigInt64Array, of at least {@link length} elements.
   * @returns `into`.
   * @throws TypeError if `into` has another type; RangeError if it is too short.
   */
  snapshot<Values extends Float64Array | BigInt64Array>(into: Values): Values
  snapshot(into: Float64Array | BigInt64Array = new Float64Array(this.length)): Float64Array | BigInt64Array {
    return this.#counters.snapshot(into)
  }

  /** Returns the part of counter `i` in each CPU's shard, like {@link PerCpuCounter.perCpu}. Errors as of {@link get}. */
  perCpu(i: number): number[] {
    return this.#counters.perCpu(i)
  }

  /** Returns the overflow word of counter `i`, like {@link PerCpuCounter.overflow}. Errors as of {@link get}. */
  overflow(i: number): number {
    return this.#counters.overflow(i)
  }

  /** Sets counter `i` to 0 and returns its former value, like {@link PerCpuCounter.reset}. Errors as of both. */
  reset(i: number): number {
    return this.#counters.reset(i)
  }

  /** Iterates over the totals; each is read with {@link get} when its turn comes. */
  *[Symbol.iterator](): Generator<number, undefined> {
    for (let i = 0; i < this.length; i++) yield this.get(i)
  }

  /** @internal */
  override [summary](most: number): object {
    const { type, index, length } = this
    // One crossing for all counters, or one for each of a few.
    const values =
      most < length ? Array.from({ length: most }, (_, i) => this.get(i)) : Array.from(this.snapshot())
    return { type, index, length, values }
  }
}
