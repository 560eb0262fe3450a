import { type OpenBatch, backend } from './backend.js'
import type { PerCpuCounterArray } from './counter-array.js'
import { type Counters, countersOf } from './counters.js'
import { checkInteger, typeError } from './errors.js'
import { BATCH_ENTRY_BYTES, Status, WIDE_DELTA } from './layout.js'

const { batchCommit } = backend.operations

/** A constant of this module: see counters.ts. */
const OK = Status.ok

const DEFAULT_CAPACITY = 256
const MAX_CAPACITY = 1 << 20

/**
 * Additions to the counters of a {@link PerCpuCounterArray}, gathered and then made in one crossing
 * into native code. Made once and used for ever, by one thread: {@link add} is a few plain stores,
 * {@link commit} one call for all of them.
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
  /** Where the next entry goes: twice the size. */
  #next = 0
  #end = 0
  #length = 0
  /** Pairs of element and 32-bit delta. */
  readonly #entries: Int32Array
  /** Deltas that are no 32-bit integers, at the position of their entry. */
  readonly #wide: Float64Array
  readonly #counters: Counters
  readonly #batch: OpenBatch

  /**
   * @param counters - what to add to.
   * @param capacity - additions that fit, 1 to 2**20; 16 bytes each.
   * @throws TypeError, RangeError if one of them is something else.
   */
  constructor(counters: PerCpuCounterArray, capacity: number = DEFAULT_CAPACITY) {
    const known = countersOf(counters)
    if (known === undefined) throw typeError('counters', 'a PerCpuCounterArray', counters)
    this.#counters = known
    this.#length = known.region.length
    this.#end = 2 * checkInteger('capacity', capacity, 1, MAX_CAPACITY)
    const memory = new ArrayBuffer(capacity * (Float64Array.BYTES_PER_ELEMENT + BATCH_ENTRY_BYTES))
    this.#wide = new Float64Array(memory, 0, capacity)
    this.#entries = new Int32Array(memory, this.#wide.byteLength)
    const batch = backend.openBatch(known.region.handle, memory, capacity)
    if (batch === null)
      throw new Error('rseq: too many batches are open in this process; make one and keep it')
    this.#batch = batch
  }

  /** Additions that fit. The one that finds it full commits those before it. */
  get capacity(): number {
    return this.#end / 2
  }

  /** Additions that wait for {@link commit}. */
  get size(): number {
    return this.#next / 2
  }

  /**
   * Remembers to add `delta` to counter `i`. Commits first if the batch is full.
   *
   * @throws TypeError, RangeError as {@link PerCpuCounterArray.add}; then nothing is remembered.
   */
  add(i: number, delta: number): void {
    const next = this.#next
    // Everything unusual leaves for good, so that V8 need not check again what it knows already.
    if (
      typeof i !== 'number' ||
      (i | 0) !== i ||
      i < 0 ||
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

  /** A wide delta, a full batch, or a mistake. */
  #addUnusual(i: number, delta: number): void {
    this.#counters.checkElement(i)
    this.#counters.checkDelta(delta)
    if (this.#next === this.#end) this.commit()
    const next = this.#next
    const isSmall = (delta | 0) === delta
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
   * Makes all the additions, each as {@link PerCpuCounterArray.add} would. O({@link size}), one
   * crossing.
   */
  commit(): void {
    const count = this.#next / 2
    this.#next = 0
    const status = batchCommit(this.#batch.handle, count)
    if (status !== OK) this.#counters.fail(status)
  }

  /** Forgets what is not committed. */
  clear(): void {
    this.#next = 0
  }
}
