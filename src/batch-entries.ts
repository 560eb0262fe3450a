import { type OpenBatch, backend } from './backend.js'
import type { Counters } from './counters.js'
import { BATCH_ENTRY_BYTES, SUMS_AT_ONCE, Status, WIDE_DELTA } from './layout.js'
import type { Handle } from './operations.js'

const { batchCommit } = backend.operations

/** A constant of this module: see counters.ts. */
const OK = Status.ok

/** Bytes of one addition: its entry, and its delta once more, should that be wide. */
const BYTES_PER_ADDITION = Float64Array.BYTES_PER_ELEMENT + BATCH_ENTRY_BYTES

/**
 * Additions to counters that are kept one by one and made in one crossing, and sums of additions behind them: a
 * batch's memory, which native code reads.
 */
export class BatchEntries {
  // Numbers from the start, so that V8 keeps them as such: these are the hot fields.
  /** Where the next entry goes: twice their number. */
  #next = 0
  #end = 0
  #length = 0
  /** Pairs of element and 32-bit delta. */
  readonly #pairs: Int32Array
  /** Deltas that are no 32-bit integers, at the position of their entry. */
  readonly #wide: Float64Array
  readonly #counters: Counters
  /** Held as long as its handle is used. */
  readonly #batch: OpenBatch
  readonly handle: Handle
  /** By counter: what else is to be added to it. Whoever made this fills it. */
  readonly sums: Int32Array

  /**
   * @param capacity - entries that fit.
   * @param summed - how many counters have sums.
   */
  constructor(counters: Counters, capacity: number, summed = 0) {
    const room = Math.ceil(summed / SUMS_AT_ONCE) * SUMS_AT_ONCE
    const memory = new ArrayBuffer(capacity * BYTES_PER_ADDITION + room * Int32Array.BYTES_PER_ELEMENT)
    this.#wide = new Float64Array(memory, 0, capacity)
    this.#pairs = new Int32Array(memory, this.#wide.byteLength, 2 * capacity)
    this.sums = new Int32Array(memory, capacity * BYTES_PER_ADDITION, summed)
    this.#end = 2 * capacity
    this.#counters = counters
    this.#length = counters.region.length
    const batch = backend.openBatch(counters.region.handle, memory, capacity, undefined, summed)
    if (batch === null)
      throw new Error('rseq: too many batches are open in this process; make one and keep it')
    this.#batch = batch
    this.handle = batch.handle
  }

  get capacity(): number {
    return this.#end / 2
  }

  get count(): number {
    return this.#next / 2
  }

  get isEmpty(): boolean {
    return this.#next === 0
  }

  get isFull(): boolean {
    return this.#next === this.#end
  }

  /**
   * Keeps any addition. Makes those before it if there is no room.
   *
   * @throws TypeError, RangeError for an element or a delta that cannot be; then nothing is kept.
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
    this.#put(next, i, delta)
  }

  /** A wide delta, no room, or a mistake. */
  #addUnusual(i: number, delta: number): void {
    this.#counters.checkElement(i)
    this.#counters.checkDelta(delta)
    if (this.isFull) this.commit()
    const isSmall = (delta | 0) === delta
    this.#wide[this.count] = delta
    this.#put(this.#next, isSmall ? i : i | WIDE_DELTA, isSmall ? delta : 0)
  }

  #put(next: number, element: number, delta: number): void {
    // Even and bounded, which V8 does not know: `|` spares it two checks for overflow.
    this.#next = (next + 2) | 0
    const pairs = this.#pairs
    pairs[next] = element
    pairs[next | 1] = delta
  }

  /** Makes all of them. */
  commit(): void {
    const { count } = this
    this.#next = 0
    this.check(batchCommit(this.handle, count))
  }

  /** @throws Error for an answer of native code that is not ok. */
  check(status: Status): void {
    if (status !== OK) this.#counters.fail(status)
  }

  /** Forgets them. */
  clear(): void {
    this.#next = 0
  }
}
