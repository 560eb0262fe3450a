import { summary } from '../core/describe.js'
import { own } from '../runtime/disposal.js'
import { type CounterOptions, Counters, newCounters } from './counters.js'
import { type ElementName, type IndexName, Kind } from '../core/layout.js'
import { AdoptedBuffer, RegionHolder, bufferFor, openRegion } from '../runtime/region.js'

/**
 * A counter that worker threads share, with a shard for every CPU.
 *
 * {@link add} is one restartable sequence on the shard of the CPU that runs the thread: it uses no atomic instruction, and no
 * cache line moves between cores. {@link value} sums the shards. Any number of threads may call any method at any time. If
 * a thread is terminated, every addition from which `add` had returned stays counted.
 *
 * Memory: (possible CPUs + 1) x 128 bytes and at most 256 more.
 *
 * @example
 * ```ts
 * const requests = new PerCpuCounter()
 * new Worker('./worker.js', { workerData: requests.buffer })
 * // in worker.js
 * const requests = PerCpuCounter.from(workerData)
 * requests.add(1)
 * ```
 */
export class PerCpuCounter extends RegionHolder {
  readonly #counters = new Counters(own(this, openRegion(this.buffer, Kind.counters)))

  /**
   * Makes a counter at 0.
   *
   * @param options - the type of the counter, and what numbers the shards.
   * @throws TypeError if `options` is no object or an option is unknown; RangeError if an option has an unknown value.
   */
  constructor(options: CounterOptions = {}) {
    super(bufferFor('PerCpuCounter', [options], () => newCounters(1, options)))
    if (this.#counters.region.length !== 1) {
      const { length } = this.#counters.region
      throw new RangeError(
        `buffer: expected one counter, got an array of ${length}; use PerCpuCounterArray.from`,
      )
    }
  }

  /**
   * Opens a counter that another thread made.
   *
   * @param buffer - its {@link PerCpuCounter.buffer}, received by `workerData` or a message.
   * @returns a new object on the memory of that counter.
   * @throws TypeError if `buffer` is no SharedArrayBuffer.
   * @throws RangeError if `buffer` is too short, has another layout version or another kind of content, or is damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuCounter {
    return new PerCpuCounter(new AdoptedBuffer(buffer) as CounterOptions)
  }

  /** The type of the counter: `i64` or `f64`. */
  get type(): ElementName {
    return this.#counters.region.element
  }

  /** What numbers the shards: the requested index, or `cpu` if the kernel has no concurrency ids. */
  get index(): IndexName {
    return this.#counters.region.index
  }

  /**
   * Adds `delta` exactly once, whatever interrupts the thread. O(1), wait-free; relaxed memory order.
   *
   * @param delta - for `i64` an integer from -(2**53 - 1) to 2**53 - 1, for `f64` a finite number.
   * @throws TypeError if `delta` is no number; RangeError if it is out of range. Then nothing is added.
   */
  add(delta: number): void {
    this.#counters.add(0, delta)
  }

  /** Adds 1. */
  increment(): void {
    this.#counters.add(0, 1)
  }

  /** Subtracts 1. */
  decrement(): void {
    this.#counters.add(0, -1)
  }

  /**
   * The total. For `i64` it is exact up to 2**53 and rounded beyond; {@link bigint} is exact. O(possible CPUs).
   * It contains every addition that finished before the call; a concurrent addition may be in it or not.
   */
  get value(): number {
    return this.#counters.get(0)
  }

  /**
   * The total of an `i64` counter, exact to 64 bits; of an `f64` counter, the integer part of the total.
   *
   * @throws RangeError if the total of an `f64` counter is an infinity or NaN.
   */
  get bigint(): bigint {
    return this.#counters.getBigint(0)
  }

  /**
   * Returns the part of the total in each CPU's shard, with one element for every possible CPU or concurrency id. For `i64`
   * these are all additions since the counter was made, because {@link reset} does not change the shards; for `f64`, those
   * since the last reset.
   */
  perCpu(): number[] {
    return this.#counters.perCpu(0)
  }

  /**
   * The overflow word: additions by threads without rseq and, for `f64`, during resets; for `i64`, minus what resets took
   * away. The total is the sum of {@link perCpu} and this.
   */
  get overflow(): number {
    return this.#counters.overflow(0)
  }

  /**
   * Sets the counter to 0 and returns its former value. Loses no concurrent addition: each is in the result of exactly one
   * reset, or in the value after the last. O(possible CPUs).
   *
   * Resetting an `f64` counter also removes accumulated rounding errors and infinities. If its shards are not empty, the CPUs
   * that add to such counters are stopped for some microseconds. Meanwhile additions go to the overflow word without
   * waiting.
   *
   * @returns the value before the reset.
   * @throws Error if another thread kept the counter for ten seconds, or if an `f64` counter holds an infinity and this
   *   thread cannot stop the CPUs (a thread on the portable backend cannot stop those that sections write).
   */
  reset(): number {
    return this.#counters.reset(0)
  }

  /** @internal */
  override [summary](): object {
    const { type, index, value } = this
    return { type, index, value }
  }
}
