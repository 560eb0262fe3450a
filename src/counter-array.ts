import { BatchEntries } from './batch-entries.js'
import { type CounterOptions, Counters, newCounters, rememberCounters } from './counters.js'
import { checkInteger, typeError } from './errors.js'
import { type ElementName, type IndexName, Kind } from './layout.js'
import { AdoptedBuffer, OverBuffer, openRegion } from './region.js'

/** Additions that {@link PerCpuCounterArray.addMany} makes in one crossing: enough to forget what that costs. */
const MADE_AT_ONCE = 256

/**
 * Many counters in one region, each CPU's side by side: eight share a cache line, and no CPU's line
 * is another's. As {@link PerCpuCounter}, per element.
 *
 * It takes (possible CPUs + 1) x (8 x length, rounded up to 128) bytes and at most 256 more.
 *
 * @example
 * ```ts
 * const byStatus = new PerCpuCounterArray(600)
 * byStatus.increment(200)
 * byStatus.get(200) // 1
 * ```
 */
export class PerCpuCounterArray extends OverBuffer {
  readonly #counters = new Counters(openRegion(this.buffer, Kind.counters))
  /** How many counters there are. */
  readonly length = this.#counters.region.length
  /** Made by the first {@link addMany}. */
  #batch: BatchEntries | null = null

  /**
   * New counters at 0.
   *
   * @param length - how many, 1 or more.
   * @throws TypeError, RangeError for a length or an option that does not exist.
   */
  constructor(length: number, options: CounterOptions = {}) {
    super(options instanceof AdoptedBuffer ? options.buffer : newCounters(length, options))
    rememberCounters(this, this.#counters)
  }

  /**
   * Opens the counters that another thread made.
   *
   * @param buffer - their {@link buffer}, as received by `workerData` or a message.
   * @throws TypeError if it is no SharedArrayBuffer.
   * @throws RangeError if it is too short, made by another layout version, of another kind, or damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuCounterArray {
    return new PerCpuCounterArray(0, new AdoptedBuffer(buffer) as CounterOptions)
  }

  /** `i64` or `f64`. */
  get type(): ElementName {
    return this.#counters.region.element
  }

  /** What numbers the shards: as asked for, but `cpu` where the kernel has no concurrency id. */
  get index(): IndexName {
    return this.#counters.region.index
  }

  /**
   * Adds `delta` to counter `i`: exactly once, whatever interrupts it. Wait-free; relaxed order.
   *
   * @param i - an integer from 0 to length - 1.
   * @param delta - for `i64` an integer from -(2**53 - 1) to 2**53 - 1, for `f64` a finite number.
   * @throws TypeError if one of them is no number, RangeError if it is another one.
   */
  add(i: number, delta: number): void {
    this.#counters.add(i, delta)
  }

  /** Adds 1 to counter `i`. */
  increment(i: number): void {
    this.#counters.add(i, 1)
  }

  /** Subtracts 1 from counter `i`. */
  decrement(i: number): void {
    this.#counters.add(i, -1)
  }

  /**
   * Adds deltas[k] to counter indices[k], for k below `count`: many additions, one crossing into
   * native code. All are checked first: if one is refused, none is made.
   *
   * @param count - how many of them, by default all; the arrays may be longer.
   * @throws TypeError, RangeError as {@link add}, for the first that is wrong.
   */
  addMany(indices: Uint32Array, deltas: Float64Array, count?: number): void {
    if (!(indices instanceof Uint32Array)) throw typeError('indices', 'a Uint32Array', indices)
    if (!(deltas instanceof Float64Array)) throw typeError('deltas', 'a Float64Array', deltas)
    const most = Math.min(indices.length, deltas.length)
    const end = checkInteger('count', count === undefined ? indices.length : count, 0, most)
    for (let k = 0; k < end; k++) {
      this.#counters.checkElement(indices[k])
      this.#counters.checkDelta(deltas[k])
    }
    const batch = (this.#batch ??= new BatchEntries(this.#counters, MADE_AT_ONCE))
    // Where another thread writes the arrays between check and use, an earlier call was left half-way.
    batch.clear()
    for (let k = 0; k < end; k++) batch.add(indices[k] as number, deltas[k] as number)
    batch.commit()
  }

  /** The total of counter `i`, as {@link PerCpuCounter.value}. */
  get(i: number): number {
    return this.#counters.get(i)
  }

  /** The exact total of counter `i`, as {@link PerCpuCounter.bigint}. */
  getBigint(i: number): bigint {
    return this.#counters.getBigint(i)
  }

  /**
   * All totals. Each is what {@link get} would say; they are read one after the other.
   *
   * @param into - where to, a Float64Array or (exact, `i64` only) a BigInt64Array of at least
   *   {@link length} elements; by default a new Float64Array.
   */
  snapshot(): Float64Array
  snapshot<Values extends Float64Array | BigInt64Array>(into: Values): Values
  snapshot(into: Float64Array | BigInt64Array = new Float64Array(this.length)): Float64Array | BigInt64Array {
    return this.#counters.snapshot(into)
  }

  /** What each CPU's shard of counter `i` has counted, as {@link PerCpuCounter.perCpu}. */
  perCpu(i: number): number[] {
    return this.#counters.perCpu(i)
  }

  /** What counter `i` has outside the shards, as {@link PerCpuCounter.overflow}. */
  overflow(i: number): number {
    return this.#counters.overflow(i)
  }

  /** Sets counter `i` to 0 and returns what it held, as {@link PerCpuCounter.reset}. */
  reset(i: number): number {
    return this.#counters.reset(i)
  }
}
