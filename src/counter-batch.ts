import { BatchEntries } from './batch-entries.js'
import { backend } from './backend.js'
import type { PerCpuCounterArray } from './counter-array.js'
import { type Counters, countersOf } from './counters.js'
import { checkInteger, typeError } from './errors.js'
import { SUMS_AT_ONCE } from './layout.js'
import type { Handle } from './operations.js'

const { batchTrySums, batchAddSums } = backend.operations

const DEFAULT_CAPACITY = 256
const MAX_CAPACITY = 1 << 20
/**
 * Counters from this one on are not summed up: a commit looks at every sum up to the highest counter used, which pays as
 * long as many of them are not 0.
 */
const MOST_SUMMED = 64

/**
 * Additions to the counters of a {@link PerCpuCounterArray}, gathered and then made in one crossing
 * into native code. Made once and used for ever, by one thread: {@link add} is a plain store or a few,
 * {@link commit} one call for all of them.
 *
 * Of the first 64 counters, each one's additions of 32-bit integers are added up as they come, and made as one. All
 * others are kept one by one: put what is counted most first.
 *
 * What is not committed is not counted yet, and is gone with a thread that ends before.
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
export class CounterBatch {
  // Numbers from the start, so that V8 keeps them as such: these are the hot fields.
  /** Counters below this are summed up: rounded up from the highest that was added to so far. */
  #summed = 0
  /** By counter: 32-bit integers that add up to no more. */
  readonly #sums: Int32Array
  /** What is not summed up. */
  readonly #entries: BatchEntries
  readonly #counters: Counters
  readonly #handle: Handle

  /**
   * @param counters - what to add to.
   * @param capacity - additions that fit beside the sums, 1 to 2**20; 16 bytes each.
   * @throws TypeError, RangeError if one of them is something else.
   */
  constructor(counters: PerCpuCounterArray, capacity: number = DEFAULT_CAPACITY) {
    const known = countersOf(counters)
    if (known === undefined) throw typeError('counters', 'a PerCpuCounterArray', counters)
    checkInteger('capacity', capacity, 1, MAX_CAPACITY)
    this.#counters = known
    this.#entries = new BatchEntries(known, capacity, Math.min(known.region.length, MOST_SUMMED))
    this.#sums = this.#entries.sums
    this.#handle = this.#entries.handle
  }

  /** Additions that fit beside the sums. The one that finds no room commits those before it. */
  get capacity(): number {
    return this.#entries.capacity
  }

  /** What waits for {@link commit}: sums that are not 0, and additions beside them. O(sums). */
  get size(): number {
    return this.#sums.reduce((count, sum) => count + Number(sum !== 0), this.#entries.count)
  }

  /**
   * Remembers to add `delta` to counter `i`. Commits first if there is no room.
   *
   * @throws TypeError, RangeError as {@link PerCpuCounterArray.add}; then nothing is remembered.
   */
  add(i: number, delta: number): void {
    // Short, so that V8 makes one piece of a function that adds a dozen times.
    if (typeof i === 'number' && typeof delta === 'number' && i < this.#summed && (delta | 0) === delta) {
      const sums = this.#sums
      const sum = (sums[i] as number) + delta
      // Otherwise there is no such counter, or no room in 32 bits.
      if ((sum | 0) === sum) {
        sums[i] = sum
        return
      }
    }
    this.#addEntry(i, delta)
  }

  /** What is not summed up: additions to counters far behind, as a rule. */
  #addEntry(i: number, delta: number): void {
    if (typeof i === 'number' && i >= MOST_SUMMED && !this.#entries.isFull) this.#entries.add(i, delta)
    else this.#addUnusual(i, delta)
  }

  /** The first addition to a counter, a sum or a delta of more than 32 bits, a full batch, or a mistake. */
  #addUnusual(i: number, delta: number): void {
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

  /** Remembers to add 1 to counter `i`. */
  increment(i: number): void {
    this.add(i, 1)
  }

  /**
   * Makes all the additions, as {@link PerCpuCounterArray.add} would. O({@link size}) and a look at the sums, one
   * crossing; or two, if there is something beside the sums.
   */
  commit(): void {
    const summed = this.#summed
    if (summed !== 0 && batchTrySums(this.#handle, summed) !== summed) {
      this.#entries.check(batchAddSums(this.#handle))
    }
    if (!this.#entries.isEmpty) this.#entries.commit()
  }

  /** Forgets what is not committed. */
  clear(): void {
    this.#entries.clear()
    this.#sums.fill(0)
  }
}
