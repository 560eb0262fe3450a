import { type OpenBatch, backend } from '../backend.js'
import type { Counters } from '../counters.js'
import { checkInteger, typeError } from '../errors.js'
import { BATCH_ENTRY_BYTES, SECOND_REGION, Status, WIDE_DELTA } from '../layout.js'
import { type Instrument, type Step, checkGrows, step } from './instruments.js'
import type { Store } from './store.js'

const { batchCommit } = backend.operations

/** A constant of this module: see counters.ts. */
const OK = Status.ok

const MOST = 8

// In functions of their own, as V8 inlines small ones only: a call with eight arguments costs as much as
// all the stores.

/** Whether all are integers from 0 to 2**31 - 1. */
function areSmall(a: number, b: number, c: number, d: number): boolean {
  return (a | 0) === a && (b | 0) === b && (c | 0) === c && (d | 0) === d && (a | b | c | d) >= 0
}

/** Stores the deltas of four entries, from word `at` on. */
function store(entries: Int32Array, at: number, a: number, b: number, c: number, d: number): void {
  entries[at + 1] = a
  entries[at + 3] = b
  entries[at + 5] = c
  entries[at + 7] = d
}

/** Where a step's value goes: the delta of a counter of either region, or a histogram's bucket and sum. */
const Way = { whole: 0, double: 1, observe: 2 } as const

/** From JavaScript, `instrument` may be anything. */
function stepOf(instrument: unknown, k: number): Step {
  if (typeof instrument === 'object' && instrument !== null && step in instrument) {
    return (instrument as Instrument)[step]()
  }
  throw typeError(`instruments[${k}]`, 'a counter, gauge or histogram', instrument)
}

/**
 * The updates that belong together, as those of one request: made once for a row of up to eight
 * instruments, then all updated in one crossing into native code. Where they have labels, make one for
 * each combination that matters, and keep it.
 *
 * @example
 * ```ts
 * const done = metrics.batch(requests, bytesIn, bytesOut, duration)
 * done.commit(1, 512, 2048, 0.012)
 * ```
 */
export class MetricsBatch {
  /** Additions of a commit: one for each instrument, and another for each histogram. */
  #count = 0
  #size = 0
  /** An element is marked as wide, until the commit is over. */
  #hasWide = false
  /** Counters of whole numbers only: then a commit is a store for each of them. */
  readonly #isPlain: boolean
  readonly #steps: readonly Step[]
  /** What kind of step each is, for a switch. */
  readonly #ways: Uint8Array
  readonly #wholes: Counters
  readonly #doubles: Counters
  /** Pairs of element and 32-bit delta. Between two commits the elements are as {@link #writeElements} left them. */
  readonly #entries: Int32Array
  /** Deltas that are no 32-bit integers, at the position of their entry. */
  readonly #wide: Float64Array
  readonly #batch: OpenBatch

  /** @internal */
  constructor(store: Store, instruments: readonly Instrument[]) {
    this.#size = checkInteger('instruments.length', instruments.length, 1, MOST)
    this.#wholes = store.wholes
    this.#doubles = store.doubles
    this.#steps = instruments.map(stepOf)
    for (const made of this.#steps) this.#checkOwn(made)
    this.#ways = Uint8Array.from(this.#steps, (made) => this.#wayOf(made))
    this.#isPlain = this.#steps.every(
      (made, k) => this.#ways[k] === Way.whole && 'i' in made && !made.canFall,
    )
    this.#count = this.#size + this.#ways.filter((way) => way === Way.observe).length
    // At least eight: commit() stores that many.
    const capacity = 2 * MOST
    const memory = new ArrayBuffer(capacity * (Float64Array.BYTES_PER_ELEMENT + BATCH_ENTRY_BYTES))
    this.#wide = new Float64Array(memory, 0, capacity)
    this.#entries = new Int32Array(memory, this.#wide.byteLength)
    this.#writeElements()
    const [wholes, doubles] = [store.wholes.region.handle, store.doubles.region.handle]
    const batch = backend.openBatch(wholes, memory, capacity, doubles)
    if (batch === null)
      throw new Error('rseq: too many batches are open in this process; make one and keep it')
    this.#batch = batch
  }

  #wayOf(made: Step): number {
    if (made.kind === 'observe') return Way.observe
    return made.counters === this.#doubles ? Way.double : Way.whole
  }

  #checkOwn(made: Step): void {
    const counters = made.kind === 'add' ? made.counters : made.sums
    if (counters !== this.#wholes && counters !== this.#doubles) {
      throw new RangeError('instruments: expected those of these metrics, got one of others')
    }
  }

  /**
   * Updates every instrument: adds its value to a counter or gauge, observes it in a histogram. All are checked
   * first: if one is refused, nothing is updated.
   *
   * @throws TypeError if there are not as many values as instruments, and as the instruments do.
   */
  commit(a: number, b?: number, c?: number, d?: number, e?: number, f?: number, g?: number, h?: number): void
  commit(a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0): void {
    if (arguments.length !== this.#size) this.#refuseLength(arguments.length)
    if (this.#isPlain && areSmall(a, b, c, d) && areSmall(e, f, g, h)) {
      const deltas = this.#entries
      store(deltas, 0, a, b, c, d)
      store(deltas, MOST, e, f, g, h)
      const status = batchCommit(this.#batch.handle, this.#count)
      if (status !== OK) this.#wholes.fail(status)
    } else {
      this.#commitAny([a, b, c, d, e, f, g, h])
    }
  }

  #commitAny(values: readonly number[]): void {
    try {
      this.#write(values)
      const status = batchCommit(this.#batch.handle, this.#count)
      if (status !== OK) this.#wholes.fail(status)
    } finally {
      if (this.#hasWide) this.#writeElements()
      this.#hasWide = false
    }
  }

  /** The elements of all entries, and the deltas that are always 1; those of buckets are found for each value. */
  #writeElements(): void {
    let next = this.#size
    for (const [k, made] of this.#steps.entries()) {
      if (made.kind === 'add') {
        this.#entries[2 * k] = this.#ways[k] === Way.double ? made.i | SECOND_REGION : made.i
      } else {
        this.#entries[2 * k + 1] = 1
        this.#entries[2 * next++] = made.sum | SECOND_REGION
      }
    }
  }

  #refuseLength(length: number): never {
    throw new TypeError(`values: expected ${this.#size}, one for each instrument, got ${length}`)
  }

  /** Any values for any instruments. */
  #write(values: readonly number[]): void {
    let next = this.#size
    for (let k = 0; k < this.#size; k++) {
      const value = values[k] as number
      const way = this.#ways[k]
      if (way === Way.whole && (value | 0) === value && value >= 0) {
        this.#entries[2 * k + 1] = value
      } else if (way === Way.observe) {
        this.#wide[next++] = this.#observe(k, value)
      } else if (way === Way.double) {
        this.#wide[k] = this.#checked(k, value)
      } else {
        this.#hasWide = true
        this.#wide[k] = this.#checked(k, value)
        this.#entries[2 * k] = (this.#entries[2 * k] as number) | WIDE_DELTA
      }
    }
  }

  /** A value that is added: a finite number, whole or not as the counter is, and for one that grows not below 0. */
  #checked(k: number, value: number): number {
    const made = this.#steps[k] as Step & { kind: 'add' }
    if (!Number.isFinite(value) || this.#ways[k] === Way.whole) made.counters.checkDelta(value)
    if (value < 0 && !made.canFall) checkGrows(value)
    return value
  }

  #observe(k: number, value: number): number {
    const { buckets, base, sums } = this.#steps[k] as Step & { kind: 'observe' }
    if (!Number.isFinite(value)) sums.checkDelta(value)
    this.#entries[2 * k] = base + buckets.indexOf(value)
    return value
  }
}
