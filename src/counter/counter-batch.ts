import { Described, summary } from '../core/describe.js'
import { checkOpen, dispose, isDisposed } from '../runtime/disposal.js'
import { BatchEntries } from './batch-entries.js'
import { backend } from '../runtime/backend.js'
import type { PerCpuCounterArray } from './counter-array.js'
import { type Counters, countersOf } from './counters.js'
import { checkInteger } from '../core/errors.js'
import { SUMS_AT_ONCE } from '../core/layout.js'
import type { Handle } from '../core/operations.js'

const { batchTrySums, batchAddSums } = backend.operations

const DEFAULT_CAPACITY = 256
const MAX_CAPACITY = 1 << 20
/**
 * Only counters below this one have a sum. A commit reads every sum up to the highest counter used, which is worth it only
 * while most of these sums are not 0.
 */
const MOST_SUMMED = 64

/**
 * Gathers additions to the counters of a {@link PerCpuCounterArray} and makes them in one crossing into native code:
 * {@link add} is a plain store or a few, {@link commit} one call for all of them. A thread makes a batch once and keeps it;
 * threads cannot share a batch.
 *
 * For each of the first 64 counters, the batch sums the 32-bit integers that are added and commits one addition. Additions to
 * other counters are stored one by one, so give the most frequent counters the lowest indices.
 *
 * Additions do not count before {@link commit}. If the thread ends first, they are lost.
 *
 * @example
 * ```ts
 * const batch = new CounterBatch(counters)
 * // for each request
 * batch.increment(REQUESTS)
 * batch.add(BYTES, length)
 * batch.commit()
 * ```
 */
export class CounterBatch extends Described {
  // Numbers from the start, so that V8 keeps them as such: these are the hot fields.
  /** The sums of counters below this are in use: the highest counter used so far, rounded up. */
  #summed = 0
  /** The pending sum of each counter; it always fits into 32 bits. */
  readonly #sums: Int32Array
  /** The additions that are not in a sum. */
  readonly #entries: BatchEntries
  readonly #counters: Counters
  readonly #handle: Handle

  /**
   * @param counters - the counters to add to.
   * @param capacity - the most additions beside the sums, 1 to 2**20; by default 256. Each takes 16 bytes.
   * @throws TypeError if `counters` is no PerCpuCounterArray or `capacity` no number; RangeError if `capacity` is out of
   *   range; Error if too many batches are open in this process.
   */
  constructor(counters: PerCpuCounterArray, capacity: number = DEFAULT_CAPACITY) {
    super()
    const known = countersOf('counters', counters)
    checkInteger('capacity', capacity, 1, MAX_CAPACITY)
    this.#counters = known
    this.#entries = new BatchEntries(known, capacity, Math.min(known.region.length, MOST_SUMMED))
    this.#sums = this.#entries.sums
    this.#handle = this.#entries.handle
  }

  /** The most additions beside the sums. When the batch is full, the next `add()` commits it first. */
  get capacity(): number {
    return this.#entries.capacity
  }

  /** Number of additions that wait for {@link commit}: sums that are not 0, and additions beside them. O(64). */
  get size(): number {
    return this.#sums.reduce((count, sum) => count + Number(sum !== 0), this.#entries.count)
  }

  /**
   * Stores the addition of `delta` to counter `i` until {@link commit}. Commits first if the batch is full. O(1) otherwise.
   *
   * @param i - an integer from 0 to the length of the counters - 1.
   * @param delta - as for {@link PerCpuCounterArray.add}.
   * @throws TypeError, RangeError as {@link PerCpuCounterArray.add}; then the addition is not stored.
   */
  add(i: number, delta: number): void {
    // This function is short so that V8 inlines it into a caller with a dozen additions.
    if (typeof i === 'number' && typeof delta === 'number' && i < this.#summed && (delta | 0) === delta) {
      const sums = this.#sums
      const sum = (sums[i] as number) + delta
      // Otherwise the counter does not exist (NaN), or the sum needs more than 32 bits.
      if ((sum | 0) === sum) {
        sums[i] = sum
        return
      }
    }
    this.#addEntry(i, delta)
  }

  /** Stores an addition that goes into no sum, usually because the counter has none. */
  #addEntry(i: number, delta: number): void {
    if (typeof i === 'number' && i >= MOST_SUMMED && !this.#entries.isFull) this.#entries.add(i, delta)
    else this.#addUnusual(i, delta)
  }

  /** Handles the first addition to a counter, a sum or a delta of more than 32 bits, a full batch, and wrong arguments. */
  #addUnusual(i: number, delta: number): void {
    checkOpen(this)
    this.#counters.checkElement(i)
    this.#counters.checkDelta(delta)
    if ((delta | 0) === delta && i >= this.#summed && i < this.#sums.length) {
      this.#summed = (Math.floor(i / SUMS_AT_ONCE) + 1) * SUMS_AT_ONCE
      this.#sums[i] = delta
      return
    }
    if (this.#entries.isFull) this.commit()
    this.#entries.add(i, delta)
  }

  /** Stores the addition of 1 to counter `i` until {@link commit}. Errors as of {@link add}. */
  increment(i: number): void {
    this.add(i, 1)
  }

  /**
   * Makes all stored additions, each like {@link PerCpuCounterArray.add}. O({@link size} + 64), with one crossing into native
   * code for the sums and one for the other additions.
   *
   * @throws Error after `[Symbol.dispose]()`.
   */
  commit(): void {
    const summed = this.#summed
    if (summed !== 0 && batchTrySums(this.#handle, summed) !== summed) {
      this.#entries.check(batchAddSums(this.#handle))
    }
    if (!this.#entries.isEmpty) this.#entries.commit()
  }

  /**
   * Commits the batch and closes it now instead of when the object is collected. Every later addition throws an Error. The
   * second call does nothing.
   */
  [Symbol.dispose](): void {
    if (isDisposed(this)) return
    this.commit()
    dispose(this)
    this.#summed = 0
    this.#sums.fill(0)
    this.#entries.close()
  }

  /** Discards the additions that are not committed. */
  clear(): void {
    checkOpen(this)
    this.#entries.clear()
    this.#sums.fill(0)
  }

  /** @internal */
  override [summary](): object {
    const { capacity, size } = this
    return { capacity, size }
  }
}
