import { type CounterOptions, Counters, newCounters } from './counters.js'
import { type ElementName, type IndexName, Kind } from './layout.js'
import { AdoptedBuffer, OverBuffer, openRegion } from './region.js'

/**
 * A counter that worker threads share, with a shard for every CPU.
 *
 * {@link add} is one restartable sequence on the shard of the CPU that runs the thread: no atomic
 * instruction, no cache line that travels between cores. {@link value} sums the shards. Any number of
 * threads may do either at any time; a thread that is terminated in the middle loses nothing that
 * `add` had returned from.
 *
 * It takes (possible CPUs + 1) x 128 bytes and at most 256 more.
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
export class PerCpuCounter extends OverBuffer {
  readonly #counters = new Counters(openRegion(this.buffer, Kind.counters))

  /**
   * A new counter at 0.
   *
   * @throws TypeError, RangeError for an option that does not exist.
   */
  constructor(options: CounterOptions = {}) {
    super(options instanceof AdoptedBuffer ? options.buffer : newCounters(1, options))
    if (this.#counters.region.length !== 1) {
      const { length } = this.#counters.region
      throw new RangeError(
        `buffer: expected one counter, got an array of ${length}; use PerCpuCounterArray.from`,
      )
    }
  }

  /**
   * Opens the counter that another thread made.
   *
   * @param buffer - its {@link buffer}, as received by `workerData` or a message.
   * @throws TypeError if it is no SharedArrayBuffer.
   * @throws RangeError if it is too short, made by another layout version, of another kind, or damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuCounter {
    return new PerCpuCounter(new AdoptedBuffer(buffer) as CounterOptions)
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
   * Adds `delta`: exactly once, whatever interrupts it. Wait-free; relaxed memory order.
   *
   * @param delta - for `i64` an integer from -(2**53 - 1) to 2**53 - 1, for `f64` a finite number.
   * @throws TypeError if it is no number, RangeError if it is another one.
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
   * The total, as a number: exact up to 2**53, rounded beyond (see {@link bigint}). O(possible CPUs).
   * Holds every addition that finished before; one that runs meanwhile may be in it or not.
   */
  get value(): number {
    return this.#counters.get(0)
  }

  /** The total of an `i64` counter, exact to 64 bits; the integer part of an `f64` counter's. */
  get bigint(): bigint {
    return this.#counters.getBigint(0)
  }

  /**
   * What each CPU's shard has counted since the counter was made; {@link reset} leaves shards alone.
   * One element for every possible CPU, or concurrency id.
   */
  perCpu(): number[] {
    return this.#counters.perCpu(0)
  }

  /** What is counted outside the shards: by threads without rseq, less what resets took away. */
  get overflow(): number {
    return this.#counters.overflow(0)
  }

  /**
   * Sets the counter to 0 and returns what it held. Loses no concurrent addition: each is in exactly
   * one reset's result, or in the value after it. An `f64` counter keeps the rounding of its past.
   */
  reset(): number {
    return this.#counters.reset(0)
  }
}
