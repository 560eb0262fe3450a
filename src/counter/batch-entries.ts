import { backend } from '../runtime/backend.js'
import { BatchMemory } from './batch-memory.js'
import type { Counters } from './counters.js'
import { Status, WIDE_DELTA } from '../core/layout.js'
import type { Handle } from '../core/operations.js'

const { batchCommit } = backend.operations

/** A constant of this module: see counters.ts. */
const OK = Status.ok

/** Stores additions to counters one by one and makes them in one crossing. Its memory also has room for sums. */
export class BatchEntries {
  // Numbers from the start, so that V8 keeps them as such: these are the hot fields.
  /** Position of the next entry: twice the number of entries. */
  #next = 0
  #end = 0
  #length = 0
  readonly #pairs: Int32Array
  readonly #wide: Float64Array
  readonly #counters: Counters
  readonly #memory: BatchMemory
  readonly handle: Handle

  /**
   * @param capacity - the most entries.
   * @param summed - number of counters that have a sum.
   */
  constructor(counters: Counters, capacity: number, summed = 0) {
    this.#memory = new BatchMemory(counters, capacity, { second: undefined, summed })
    this.#pairs = this.#memory.pairs
    this.#wide = this.#memory.wide
    this.handle = this.#memory.handle
    this.#end = 2 * capacity
    this.#counters = counters
    this.#length = counters.region.length
  }

  /** The sum of each counter. The owner of this object writes them; `batchAddSums` adds them. */
  get sums(): Int32Array {
    return this.#memory.sums
  }

  /** Closes the batch's memory, and marks the batch as full so that the next addition finds it closed. */
  close(): void {
    this.#memory.close()
    this.#next = this.#end
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
   * Stores an addition. Commits first if there is no room.
   *
   * @throws TypeError, RangeError if the element or the delta is not accepted; then nothing is stored.
   */
  add(i: number, delta: number): void {
    const next = this.#next
    // Every unusual case returns here, so that V8 does not repeat these checks below.
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

  /** Handles a wide delta, a full batch, and wrong arguments. */
  #addUnusual(i: number, delta: number): void {
    this.#counters.checkElement(i)
    this.#counters.checkDelta(delta)
    if (this.isFull) this.commit()
    const isSmall = (delta | 0) === delta
    this.#wide[this.count] = delta
    this.#put(this.#next, isSmall ? i : i | WIDE_DELTA, isSmall ? delta : 0)
  }

  #put(next: number, element: number, delta: number): void {
    // `next` is even and bounded, which V8 cannot know: `|` saves two checks for overflow.
    this.#next = (next + 2) | 0
    const pairs = this.#pairs
    pairs[next] = element
    pairs[next | 1] = delta
  }

  /** Makes all stored additions. */
  commit(): void {
    const { count } = this
    this.#next = 0
    this.check(batchCommit(this.handle, count))
  }

  /** @throws Error if native code answered something else than ok. */
  check(status: Status): void {
    if (status === OK) return
    if (status === Status.badHandle) this.#next = this.#end
    this.#counters.fail(status)
  }

  /** Discards the stored additions. */
  clear(): void {
    this.#next = 0
  }
}
