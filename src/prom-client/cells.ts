/**
 * The numbers of one series of a counter, gauge or histogram: in this thread alone, or shared by all threads of the process.
 *
 * @module
 */
import { backend } from '../runtime/backend.js'
import { Status } from '../core/layout.js'
import { memory } from './memory.js'
import { LIVE } from '../series/layout.js'
import type { SeriesMemory, Totals } from './series-memory.js'

const { countedAdd, counterAddInt32 } = backend.operations
/** A copy in this module: optimized code embeds it, but loads and checks an imported constant at every call. */
const OK = Status.ok
const MOST_INT32 = 2 ** 31 - 1

/** What the numbers of a series have in common. */
export interface Numbers {
  /** Whether an exposition shows the series: from its first update until it is removed. */
  readonly isShown: boolean
  /** Whether a metric that lists its series no longer lists this one: numbers of this thread that were removed. */
  readonly isForgotten: boolean
  /** Shows the series although it was not updated. */
  show(): void
  /** Hides the series and makes its numbers 0. */
  remove(): void
}

/** One number that is added to and set. */
export interface Cell extends Numbers {
  readonly value: number
  /** Returns the value as it was when all numbers of the shared memory were read; only of a number that is there. */
  valueIn?(totals: Totals): number
  add(delta: number): void
  set(value: number): void
}

/** The buckets and the sum of one series of a histogram. */
export interface Distribution extends Numbers {
  readonly sum: number
  /** Returns the number of observations in a bucket, not cumulative. The last bucket has no upper bound. */
  countOf(bucket: number): number
  observe(bucket: number, value: number): void
}

/** Numbers that this thread alone has. */
class LocalNumbers {
  isShown = false

  get isForgotten(): boolean {
    return !this.isShown
  }

  show(): void {
    this.isShown = true
  }

  remove(): void {
    this.isShown = false
  }
}

/** Numbers in shared memory. The state of `slot` says whether the series is shown. */
class SharedNumbers {
  protected readonly slot: number
  protected readonly memory: SeriesMemory = memory
  protected readonly states = memory.states

  constructor(slot: number) {
    this.slot = slot
  }

  get isForgotten(): boolean {
    return false
  }

  get isShown(): boolean {
    return this.states[this.slot] === LIVE
  }

  show(): void {
    if (this.states[this.slot] !== LIVE) Atomics.store(this.states, this.slot, LIVE)
  }

  remove(): void {
    this.memory.clear(this.slot)
  }
}

/** A number that this thread alone has. */
export class LocalCell extends LocalNumbers implements Cell {
  value = 0

  add(delta: number): void {
    this.isShown = true
    this.value += delta
  }

  set(value: number): void {
    this.isShown = true
    this.value = value
  }

  override remove(): void {
    super.remove()
    this.value = 0
  }
}

/**
 * The number of a counter. Whole numbers are counted in the i64 region and others in the f64 region, so that a counter of
 * events is exact to 2**53.
 */
export class SharedCounterCell extends SharedNumbers implements Cell {
  readonly #handle = this.memory.countsHandle

  get value(): number {
    return this.memory.counts.get(this.slot) + this.memory.sums.get(this.slot)
  }

  valueIn({ counts, sums }: Totals): number {
    return (counts[this.slot] as number) + (sums[this.slot] as number)
  }

  /** Adds exactly once, whatever interrupts the thread. Wait-free. */
  add(delta: number): void {
    const { slot } = this
    this.show()
    if (delta >>> 0 === delta && delta <= MOST_INT32 && counterAddInt32(this.#handle, slot, delta) === OK)
      return
    if (Number.isSafeInteger(delta)) this.memory.counts.add(slot, delta)
    else this.memory.sums.add(slot, delta)
  }

  set(value: number): void {
    this.memory.counts.set(this.slot, 0)
    this.memory.sums.set(this.slot, value)
  }
}

/** The number of a gauge. */
export class SharedGaugeCell extends SharedNumbers implements Cell {
  readonly #sums = this.memory.sums
  readonly #specials = this.memory.specials

  get value(): number {
    const special = this.#specials[this.slot] as number
    return special === 0 ? this.#sums.get(this.slot) : special
  }

  valueIn({ sums }: Totals): number {
    const special = this.#specials[this.slot] as number
    return special === 0 ? (sums[this.slot] as number) : special
  }

  add(delta: number): void {
    this.show()
    const special = this.#specials[this.slot] as number
    if (special === 0 && Number.isFinite(delta)) this.#sums.add(this.slot, delta)
    else this.set(this.value + delta)
  }

  /** Sets the value. The last thread that sets it wins; a concurrent addition comes before it or counts on top of it. */
  set(value: number): void {
    this.show()
    if (Number.isFinite(value)) {
      this.#sums.set(this.slot, value)
      this.#specials[this.slot] = 0
    } else {
      this.#specials[this.slot] = value
    }
  }
}

/** A histogram that this thread alone has. */
export class LocalDistribution extends LocalNumbers implements Distribution {
  sum: number
  readonly #counts: number[]

  constructor(buckets: number, counts: readonly number[] = [], sum = 0, isShown = false) {
    super()
    this.#counts = Array.from({ length: buckets }, (_, bucket) => counts[bucket] ?? 0)
    this.sum = sum
    this.isShown = isShown
  }

  countOf(bucket: number): number {
    return this.#counts[bucket] ?? 0
  }

  observe(bucket: number, value: number): void {
    this.isShown = true
    this.#counts[bucket] = this.countOf(bucket) + 1
    this.sum += value
  }

  override remove(): void {
    super.remove()
    this.sum = 0
    this.#counts.fill(0)
  }
}

/** A histogram in shared memory. Its last bucket's slot also has the sum and the state. */
export class SharedDistribution extends SharedNumbers implements Distribution {
  readonly #slots: readonly number[]
  readonly #countsHandle = this.memory.countsHandle
  readonly #sumsHandle = this.memory.sumsHandle

  constructor(slots: readonly number[]) {
    super(slots.at(-1) as number)
    this.#slots = slots
  }

  get sum(): number {
    return this.memory.sums.get(this.slot)
  }

  countOf(bucket: number): number {
    return this.memory.counts.get(this.#slots[bucket] as number)
  }

  /** Counts a value exactly once; a reader may see the count without the sum. Wait-free. */
  observe(bucket: number, value: number): void {
    this.show()
    const slot = this.#slots[bucket] as number
    const status = countedAdd(this.#countsHandle, slot, this.#sumsHandle, this.slot, value)
    if (status !== OK) this.memory.counts.fail(status, slot, value)
  }

  override remove(): void {
    for (const slot of this.#slots) this.memory.clear(slot)
  }
}
