import { backend } from '../runtime/backend.js'
import { BatchMemory } from '../counter/batch-memory.js'
import type { Counters } from '../counter/counters.js'
import { type Inspection, describe, inspected } from '../core/describe.js'
import { checkFinite, checkInteger, typeError } from '../core/errors.js'
import { SECOND_REGION, Status, WIDE_DELTA } from '../core/layout.js'
import { type Instrument, type Step, checkGrows, step } from './instruments.js'
import type { Store } from './store.js'

const { batchCommit } = backend.operations

/** A copy in this module: counters.ts explains why hot code needs one. */
const OK = Status.ok

/** The greatest number of instruments in a batch. */
const MOST = 8

// V8 inlines small functions only, and a call with eight arguments costs as much as all the stores. So the checks and the
// stores are functions of four values.

/** Returns whether all four values are integers from 0 to 2**31 - 1. */
function areSmall(a: number, b: number, c: number, d: number): boolean {
  try {
    return (a | 0) === a && (b | 0) === b && (c | 0) === c && (d | 0) === d && (a | b | c | d) >= 0
  } catch {
    // One of the values is a bigint or a symbol.
    return false
  }
}

/** Stores the deltas of four entries whose first word is word `at`. */
function store(entries: Int32Array, at: number, a: number, b: number, c: number, d: number): void {
  entries[at + 1] = a
  entries[at + 3] = b
  entries[at + 5] = c
  entries[at + 7] = d
}

/**
 * Where a step's value goes: to a counter of whole numbers, a histogram's bucket and sum, or a counter of doubles. The
 * entries of a batch are in this order, then come the histograms' sums in the order of their buckets. So the last whole
 * number of a batch belongs to its last double, and so on backwards: the portable backend's `batchCommit` adds each such
 * pair together. The native backend is fastest with one row of whole numbers.
 */
const Way = { whole: 0, observe: 1, double: 2 } as const

/** The position of each step's entry: in the order of their ways, and for one way in the order of the steps. */
function placesOf(ways: Uint8Array): Uint8Array {
  const order = [...ways.keys()].sort((a, b) => (ways[a] as number) - (ways[b] as number))
  return Uint8Array.from(ways, (_, k) => order.indexOf(k))
}

/** From JavaScript, `instrument` may be anything. */
function stepOf(instrument: unknown, k: number): Step {
  if (typeof instrument === 'object' && instrument !== null && step in instrument) {
    return (instrument as Instrument)[step]()
  }
  throw typeError(
    `instruments[${k}]`,
    'a counter, gauge or histogram, or a series of one with labels',
    instrument,
  )
}

/**
 * Updates up to eight instruments together, such as those of one request, by one call of native code. Make a batch once for
 * its instruments and keep it. For metrics with labels, make one batch for each combination of series that is updated
 * together.
 *
 * @example
 * ```ts
 * const done = metrics.batch(requests, bytesIn, bytesOut, duration)
 * done.commit(1, 512, 2048, 0.012)
 * ```
 */
export class MetricsBatch {
  /** The number of additions in a commit: one for each instrument, and one more for each histogram. */
  #count = 0
  #size = 0
  /** Whether the current commit has marked an element as wide. */
  #hasWide = false
  /** Whether all instruments are counters of whole numbers. A commit then stores one word for each of them. */
  readonly #isPlain: boolean
  readonly #steps: readonly Step[]
  /** The {@link Way} of each step. */
  readonly #ways: Uint8Array
  /** The position of each step's entry. */
  readonly #places: Uint8Array
  readonly #wholes: Counters
  readonly #doubles: Counters
  /** Pairs of element and 32-bit delta. Between two commits the elements are as {@link #writeElements} left them. */
  readonly #entries: Int32Array
  /** Deltas that are not 32-bit integers, each at the position of its entry. */
  readonly #wide: Float64Array
  readonly #batch: BatchMemory

  /** @internal */
  constructor(store: Store, instruments: readonly Instrument[]) {
    this.#size = checkInteger('instruments.length', instruments.length, 1, MOST)
    this.#wholes = store.wholes
    this.#doubles = store.doubles
    this.#steps = instruments.map(stepOf)
    for (const made of this.#steps) this.#checkOwn(made)
    this.#ways = Uint8Array.from(this.#steps, (made) => this.#wayOf(made))
    this.#places = placesOf(this.#ways)
    this.#isPlain = this.#steps.every(
      (made, k) => this.#ways[k] === Way.whole && 'i' in made && !made.canFall,
    )
    this.#count = this.#size + this.#ways.filter((way) => way === Way.observe).length
    // The memory has room for eight histograms, which have two additions each. commit() always stores eight deltas.
    this.#batch = new BatchMemory(this.#wholes, 2 * MOST, { second: this.#doubles, summed: 0 })
    this.#wide = this.#batch.wide
    this.#entries = this.#batch.pairs
    this.#writeElements()
  }

  /** Returns the number of values that {@link commit} takes. */
  toJSON(): {
    /** Number of instruments. */
    instruments: number
  } {
    return { instruments: this.#size }
  }

  /** Returns the number of instruments as text. */
  toString(): string {
    return `batch of ${this.#size} instruments`
  }

  /** @internal */
  [inspected](depth: number, options: Inspection): string {
    return describe('MetricsBatch', () => this.toJSON(), depth, options)
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
   * Updates every instrument: adds its value to a counter or gauge, or observes it in a histogram. All values are checked
   * first: if one is refused, no instrument is updated.
   *
   * Pass exactly one value for each instrument, in the order of the instruments. `undefined` is refused.
   *
   * @throws TypeError if the number of values is not the number of instruments.
   * @throws TypeError, RangeError if an instrument does not accept its value: see the methods of the instruments.
   */
  commit(a: number, b?: number, c?: number, d?: number, e?: number, f?: number, g?: number, h?: number): void
  // An omitted argument becomes 0. An argument that is given as undefined stays undefined, and is refused. V8 inlines
  // functions of up to 460 bytes of bytecode, and then knows `arguments.length`; this function has 437 bytes.
  commit(
    a: number,
    b = arguments.length > 1 ? (undefined as never) : 0,
    c = arguments.length > 2 ? (undefined as never) : 0,
    d = arguments.length > 3 ? (undefined as never) : 0,
    e = arguments.length > 4 ? (undefined as never) : 0,
    f = arguments.length > 5 ? (undefined as never) : 0,
    g = arguments.length > 6 ? (undefined as never) : 0,
    h = arguments.length > 7 ? (undefined as never) : 0,
  ): void {
    if (arguments.length !== this.#size) this.#refuseLength(arguments.length)
    if (this.#isPlain && areSmall(a, b, c, d) && areSmall(e, f, g, h)) {
      const deltas = this.#entries
      store(deltas, 0, a, b, c, d)
      store(deltas, MOST, e, f, g, h)
      const status = batchCommit(this.#batch.handle, this.#count)
      if (status !== OK) this.#wholes.fail(status)
    } else {
      this.#commitAny(a, b, c, d, e, f, g, h)
    }
  }

  /**
   * Closes the batch at once, instead of when the object is garbage-collected. Every later commit throws an Error. The second
   * call does nothing.
   */
  [Symbol.dispose](): void {
    this.#batch.close()
  }

  #commitAny(...values: number[]): void {
    try {
      this.#write(values)
      const status = batchCommit(this.#batch.handle, this.#count)
      if (status !== OK) this.#wholes.fail(status)
    } finally {
      if (this.#hasWide) this.#writeElements()
      this.#hasWide = false
    }
  }

  /** Writes the elements of all entries but those of buckets, which depend on the value, and the buckets' deltas, always 1. */
  #writeElements(): void {
    let next = this.#size
    for (const [k, made] of this.#steps.entries()) {
      const place = this.#places[k] as number
      if (made.kind === 'add') {
        this.#entries[2 * place] = this.#ways[k] === Way.double ? made.i | SECOND_REGION : made.i
      } else {
        this.#entries[2 * place + 1] = 1
        this.#entries[2 * next++] = made.sum | SECOND_REGION
      }
    }
  }

  #refuseLength(length: number): never {
    throw new TypeError(`values: expected ${this.#size}, one for each instrument, got ${length}`)
  }

  /** Checks the values of any instruments, and writes their entries. */
  #write(values: readonly number[]): void {
    let next = this.#size
    for (let k = 0; k < this.#size; k++) {
      const value = values[k] as number
      const way = this.#ways[k]
      const place = this.#places[k] as number
      if (way === Way.whole && typeof value === 'number' && (value | 0) === value && value >= 0) {
        this.#entries[2 * place + 1] = value
      } else if (way === Way.observe) {
        this.#wide[next++] = this.#observe(k, place, value)
      } else if (way === Way.double) {
        this.#wide[place] = this.#checked(k, value)
      } else {
        this.#hasWide = true
        this.#wide[place] = this.#checked(k, value)
        this.#entries[2 * place] = (this.#entries[2 * place] as number) | WIDE_DELTA
      }
    }
  }

  /** Returns `value` if the counter or gauge of step `k` accepts it as an addition; throws otherwise. */
  #checked(k: number, value: number): number {
    const made = this.#steps[k] as Step & { kind: 'add' }
    if (!Number.isFinite(value) || this.#ways[k] === Way.whole) made.counters.checkDelta(value)
    if (!made.canFall) checkGrows(value)
    return value
  }

  #observe(k: number, place: number, value: number): number {
    const { buckets, base } = this.#steps[k] as Step & { kind: 'observe' }
    if (!Number.isFinite(value)) checkFinite('value', value)
    this.#entries[2 * place] = base + buckets.indexOf(value)
    return value
  }
}
