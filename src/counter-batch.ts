import { type OpenBatch, backend } from './backend.js'
import type { PerCpuCounterArray } from './counter-array.js'
import { type Counters, countersOf } from './counters.js'
import { checkInteger, typeError } from './errors.js'
import { BATCH_ENTRY_BYTES, SUMS_AT_ONCE, Status, WIDE_DELTA } from './layout.js'
import type { Handle } from './operations.js'

const { batchTrySums, batchAddSums, batchCommit } = backend.operations

/** A constant of this module: see counters.ts. */
const OK = Status.ok

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
  /** By counter: 32-bit integers that add up to no more. */
  readonly #sums: Int32Array
  /** Counters below this are summed up: rounded up from the highest that was added to so far. */
  #summed = 0
  /** Where the next entry goes: twice their number. */
  #next = 0
  #end = 0
  #length = 0
  /** Pairs of element and 32-bit delta. */
  readonly #entries: Int32Array
  /** Deltas that are no 32-bit integers, at the position of their entry. */
  readonly #wide: Float64Array
  readonly #counters: Counters
  /** Held as long as its handle is used. */
  readonly #batch: OpenBatch
  readonly #handle: Handle

  /**
   * @param counters - what to add to.
   * @param capacity - additions that fit beside the sums, 1 to 2**20; 16 bytes each.
   * @throws TypeError, RangeError if one of them is something else.
   */
  constructor(counters: PerCpuCounterArray, capacity: number = DEFAULT_CAPACITY) {
    const known = countersOf(counters)
    if (known === undefined) throw typeError('counters', 'a PerCpuCounterArray', counters)
    this.#counters = known
    this.#length = known.region.length
    this.#end = 2 * checkInteger('capacity', capacity, 1, MAX_CAPACITY)
    const summed = Math.min(known.region.length, MOST_SUMMED)
    const room = Math.ceil(summed / SUMS_AT_ONCE) * SUMS_AT_ONCE
    const perEntry = Float64Array.BYTES_PER_ELEMENT + BATCH_ENTRY_BYTES
    const memory = new ArrayBuffer(capacity * perEntry + room * Int32Array.BYTES_PER_ELEMENT)
    this.#wide = new Float64Array(memory, 0, capacity)
    this.#entries = new Int32Array(memory, this.#wide.byteLength, 2 * capacity)
    this.#sums = new Int32Array(memory, capacity * perEntry, summed)
    const batch = backend.openBatch(known.region.handle, memory, capacity, undefined, summed)
    if (batch === null)
      throw new Error('rseq: too many batches are open in this process; make one and keep it')
    this.#batch = batch
    this.#handle = batch.handle
  }

  /** Additions that fit beside the sums. The one that finds no room commits those before it. */
  get capacity(): number {
    return this.#end / 2
  }

  /** What waits for {@link commit}: sums that are not 0, and additions beside them. O(sums). */
  get size(): number {
    return this.#sums.reduce((count, sum) => count + Number(sum !== 0), this.#next / 2)
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

  /** What is not summed up: a small delta for a counter far behind, as a rule. */
  #addEntry(i: number, delta: number): void {
    const next = this.#next
    if (
      typeof i !== 'number' ||
      (i | 0) !== i ||
      i < MOST_SUMMED ||
      i >= this.#length ||
      typeof delta !== 'number' ||
      (delta | 0) !== delta ||
      next === this.#end
    ) {
      this.#addUnusual(i, delta)
      return
    }
    // Even and bounded, which V8 does not know: `|` spares it two checks for overflow.
    this.#next = (next + 2) | 0
    const entries = this.#entries
    entries[next] = i
    entries[next | 1] = delta
  }

  /** The first addition to a counter, a sum or a delta of more than 32 bits, a full batch, or a mistake. */
  #addUnusual(i: number, delta: number): void {
    this.#counters.checkElement(i)
    this.#counters.checkDelta(delta)
    const isSmall = (delta | 0) === delta
    if (isSmall && i >= this.#summed && i < this.#sums.length) {
      this.#summed = (Math.floor(i / SUMS_AT_ONCE) + 1) * SUMS_AT_ONCE
      this.#sums[i] = delta
      return
    }
    if (this.#next === this.#end) this.commit()
    const next = this.#next
    this.#entries[next] = isSmall ? i : i | WIDE_DELTA
    this.#entries[next + 1] = delta
    this.#wide[next / 2] = delta
    this.#next = next + 2
  }

  /** Remembers to add 1 to counter `i`. */
  increment(i: number): void {
    this.add(i, 1)
  }

  /**
   * Makes all the additions, as {@link PerCpuCounterArray.add} would. O({@link size}) and a look at the sums, one
   * crossing.
   */
  commit(): void {
    const summed = this.#summed
    if (summed !== 0 && batchTrySums(this.#handle, summed) !== summed) this.#check(batchAddSums(this.#handle))
    if (this.#next !== 0) this.#commitEntries()
  }

  #commitEntries(): void {
    const count = this.#next / 2
    this.#next = 0
    this.#check(batchCommit(this.#handle, count))
  }

  #check(status: Status): void {
    if (status !== OK) this.#counters.fail(status)
  }

  /** Forgets what is not committed. */
  clear(): void {
    this.#next = 0
    this.#sums.fill(0)
  }
}
