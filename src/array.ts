import {
  type ArrayShard,
  arrayError,
  checkElement,
  checkShard,
  checkWord,
  rememberArray,
} from './array-words.js'
import { backend } from './backend.js'
import { checkChoice, checkInteger, checkObject, typeError } from './errors.js'
import {
  ARRAY_HEAD,
  Act,
  type ArrayElement,
  ArrayNote,
  INDEXES,
  type IndexName,
  Kind,
  MAX_LENGTH,
  Status,
} from './layout.js'
import type { Handle } from './operations.js'
import { OwnedArray } from './owned-array.js'
import { AdoptedBuffer, OverBuffer, createRegion, openArray } from './region.js'

/** Options of a new {@link PerCpuArray}. */
export interface ArrayOptions {
  /**
   * What the words are. `i64` (the default): whole numbers of 64 bits; `i32`: of 32 bits, as in an Int32Array; `f64`:
   * doubles. All take 8 bytes.
   */
  element?: ArrayElement
  /** What numbers the shards: the `cpu` (the default) or the `concurrency` id; see {@link CounterOptions}. */
  index?: IndexName
}

const ELEMENTS = ['i64', 'i32', 'f64'] as const

const { arrayAct, arrayTryAdd, arrayTryAddInt32 } = backend.operations
const { arrayTryExchange, arrayTryCompareExchange, arrayTryLoad } = backend.operations
const { arrays } = backend

/** A constant of this module: see counters.ts. */
const OVERFLOW = ArrayNote.overflow

function newArray(length: unknown, options: unknown): SharedArrayBuffer {
  const words = checkInteger('length', length, 1, MAX_LENGTH - ARRAY_HEAD) + ARRAY_HEAD
  const expected = "an object such as { element: 'i64', index: 'cpu' }"
  const { element, index }: ArrayOptions = checkObject('options', options, expected)
  return createRegion(
    Kind.array,
    words,
    checkChoice('element', element, ELEMENTS),
    checkChoice('index', index, INDEXES),
  )
}

/**
 * An array of words for each CPU that worker threads share: what structures of one's own are made of.
 *
 * Each operation is one restartable sequence on a word of the CPU that runs the thread, and nothing on that CPU comes in
 * between: no atomic instruction, no cache line that travels. It returns what the word held, as those of `Atomics` do,
 * and {@link lastCpu} says whose word it was. Between two operations the thread may be moved: what belongs together
 * on one CPU goes into one word, or is checked by {@link compareExchange}, or is changed by {@link onCpu} and
 * {@link cpuOpv}.
 *
 * Not every operation can be made on a CPU's words: a thread may have no restartable sequences, or find its CPU stopped by
 * `onCpu`, or be interrupted eight times in a row. Those are made, as whole, on one more set of words behind a lock: the
 * **overflow** words, with a {@link lastCpu} of -1. A sum over all CPUs and the overflow words is exact. For words that
 * are no sum (a state, a pointer, a token of a CPU) the overflow words are one more CPU's.
 *
 * Numbers: an `i64` word takes and gives integers exactly from -(2**53 - 1) to 2**53 - 1; sums beyond are exact in
 * memory, wrap at 64 bits, and are rounded in the answer ({@link getBigint} is not). An `i32` word keeps the lowest 32
 * bits, as an Int32Array does. `f64` words take any number, and are compared bit for bit: -0 is not 0, and a NaN is that
 * NaN (all that are stored are one; what came of an addition may be another).
 *
 * What a thread has stored before an operation is visible to who sees its result by {@link get}: release and acquire.
 *
 * It takes (possible CPUs + 1) x (8 x (length + 1), rounded up to 128) bytes and at most 256 more.
 *
 * @example
 * ```ts
 * const words = new PerCpuArray(2)
 * words.add(0, 5) // 0, what it was
 * words.compareExchange(0, 5, 7) // 5: so it is 7 now, if no other CPU's word was met
 * words.perCpu(0) // one number for each CPU
 * ```
 */
export class PerCpuArray extends OverBuffer {
  readonly #array = openArray(this.buffer)
  readonly #handle: Handle = this.#array.handle
  readonly #notes = this.#array.notes
  readonly #isWhole = this.#array.element !== 'f64'
  readonly #isWide = this.#array.element !== 'i32'
  /** How many words each CPU has. */
  readonly length = this.#array.length

  /**
   * New words, all 0.
   *
   * @param length - how many each CPU has, 1 or more.
   * @throws TypeError, RangeError for a length or an option that does not exist.
   */
  constructor(length: number, options: ArrayOptions = {}) {
    super(options instanceof AdoptedBuffer ? options.buffer : newArray(length, options))
    rememberArray(this, this.#array)
  }

  /**
   * Opens the words that another thread made.
   *
   * @param buffer - their {@link buffer}, as received by `workerData` or a message.
   * @throws TypeError if it is no SharedArrayBuffer.
   * @throws RangeError if it is too short, made by another layout version, of another kind, or damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuArray {
    return new PerCpuArray(0, new AdoptedBuffer(buffer) as ArrayOptions)
  }

  /** What the words are. */
  get element(): ArrayElement {
    return this.#array.element
  }

  /** What numbers the shards: as asked for, but `cpu` where the kernel has no concurrency id. */
  get index(): IndexName {
    return this.#array.index
  }

  /**
   * The CPU (or concurrency id) whose word the last operation of this object was made on, exactly; -1 if it was an
   * overflow word, if it threw, and before the first. One load.
   */
  get lastCpu(): number {
    return Math.max(this.#notes[0] as number, OVERFLOW)
  }

  /**
   * Adds to this CPU's word `i`, and returns what it was. Wraps at the element's width. O(1).
   *
   * @throws TypeError, RangeError if there is no such word, or the element does not take `delta`.
   * @throws RegionCorruptError if something has written over the memory; Error if another thread keeps the overflow
   *   words for ten seconds. This holds for all operations.
   */
  add(i: number, delta: number): number {
    if (typeof delta !== 'number' || typeof i !== 'number' || i >>> 0 !== i)
      return this.#refuse(i, delta, 'delta')
    const before =
      this.#isWhole && (delta | 0) === delta
        ? arrayTryAddInt32(this.#handle, i, delta)
        : arrayTryAdd(this.#handle, i, delta)
    if (before === before && (this.#isWide || (before | 0) === before)) return before
    return this.#settle(before, Act.add, i, delta, 'delta')
  }

  /** Puts `value` into this CPU's word `i`, and returns what it was. O(1). */
  exchange(i: number, value: number): number {
    if (typeof value !== 'number' || typeof i !== 'number' || i >>> 0 !== i)
      return this.#refuse(i, value, 'value')
    const before = arrayTryExchange(this.#handle, i, value)
    if (before === before && (this.#isWide || (before | 0) === before)) return before
    return this.#settle(before, Act.exchange, i, value, 'value')
  }

  /** Puts `value` into this CPU's word `i`, and returns `value`. O(1). */
  store(i: number, value: number): number {
    this.exchange(i, value)
    return value
  }

  /** This CPU's word `i`. O(1). */
  load(i: number): number {
    if (typeof i !== 'number' || i >>> 0 !== i) return this.#refuse(i, 0, 'value')
    const before = arrayTryLoad(this.#handle, i)
    if (before === before && (this.#isWide || (before | 0) === before)) return before
    return this.#settle(before, Act.load, i, 0, 'value')
  }

  /**
   * Puts `desired` into this CPU's word `i` if that is `expected`. Returns what it was: `expected`, if it was done. O(1).
   *
   * The word is that of the CPU where the thread is now, and not where `expected` was loaded: see {@link lastCpu}.
   */
  compareExchange(i: number, expected: number, desired: number): number {
    if (typeof desired !== 'number' || typeof i !== 'number' || i >>> 0 !== i) {
      return this.#refuse(i, desired, 'desired')
    }
    if (typeof expected !== 'number') return this.#refuse(i, expected, 'expected')
    const before = arrayTryCompareExchange(this.#handle, i, expected, desired)
    if (before === before && (this.#isWide || (before | 0) === before)) return before
    if (this.#isWhole) checkWord('expected', expected, this.element)
    return this.#settle(before, Act.compareExchange, i, desired, 'desired', expected)
  }

  /** Throws for arguments of which one is no number, or no index. */
  #refuse(i: unknown, value: unknown, argument: string): never {
    this.#notes[0] = OVERFLOW
    checkElement(i, this.#array)
    checkWord(argument, value, this.element)
    throw typeError(argument, 'a number', value)
  }

  /** What one attempt left to do, or its error. */
  #settle(attempted: number, act: Act, i: number, operand: number, argument: string, expected = 0): number {
    // More than 32 bits in an i32: it was done, and there was what nobody puts there.
    if (attempted === attempted) throw arrayError(-Status.corrupt, this.#array)
    const first = this.#notes[0] as number
    // A NaN that was in the word.
    if (!this.#isWhole && first >= OVERFLOW) return attempted
    checkElement(i, this.#array)
    checkWord(argument, operand, this.element)
    // Refused by more than an attempt: what it did, it must not do again.
    if (first < ArrayNote.notDone) throw arrayError(first, this.#array)
    const before = arrayAct(this.#handle, act, i, operand, expected)
    const note = this.#notes[0] as number
    if (note < OVERFLOW) throw arrayError(note, this.#array)
    return before
  }

  /**
   * The word `i` of any CPU at this moment, or of the overflow words. A plain load: whose CPU it is, may change it
   * meanwhile.
   *
   * @param cpu - 0 to `info().possibleCpus - 1`, or `'overflow'`; with the index `concurrency`, that id.
   */
  get(cpu: ArrayShard, i: number): number {
    return this.#sound(arrays.get(this.#handle, checkShard(cpu, this.#array), checkElement(i, this.#array)))
  }

  /** The same of whole numbers, exact to 64 bits. @throws TypeError for an array of `f64`. */
  getBigint(cpu: ArrayShard, i: number): bigint {
    if (!this.#isWhole) throw typeError('element', "'i64' or 'i32' for a bigint", this.element)
    return this.#sound(
      arrays.bigint(this.#handle, checkShard(cpu, this.#array), checkElement(i, this.#array)),
    )
  }

  /** The word `i` of each CPU, one after the other: one element for every possible CPU, or concurrency id. */
  perCpu(i: number): number[] {
    return Array.from({ length: this.#array.shards }, (_, cpu) => this.get(cpu, i))
  }

  /** The overflow word `i`. */
  overflow(i: number): number {
    return this.get('overflow', i)
  }

  #sound<Word>(word: Word | null): Word {
    if (word === null) throw arrayError(-Status.corrupt, this.#array)
    return word
  }

  /**
   * Stops a CPU's words for everybody else, calls `use` with them, and lets them go. Meanwhile the operations of the
   * CPU's own threads go to the overflow words; another `onCpu` for that CPU waits, up to ten seconds.
   *
   * Some microseconds: the CPU's sections are ended by a fence. If this thread is terminated in `use`, the next
   * who wants the CPU's words takes them over, as they are then; on the portable backend, which cannot see that, two
   * seconds after the last operation of `use`, which is why `use` must not wait for something that long.
   *
   * @param cpu - as for {@link get}.
   * @param use - must be done when it returns: the words are let go then, a promise or not.
   * @returns what `use` returns.
   * @throws Error if another thread does not let go, this thread has stopped the CPU's words already, or there is no
   *   way to stop them; and what `use` throws.
   */
  onCpu<Result>(cpu: ArrayShard, use: (words: OwnedArray) => Result): Result {
    const shard = checkShard(cpu, this.#array)
    if (typeof use !== 'function') throw typeError('use', 'a function', use)
    const stopped = arrays.stop(this.#handle, shard)
    if (stopped < 0) throw arrayError(stopped, this.#array, shard)
    const owned = new OwnedArray(this.#array, shard)
    try {
      return use(owned)
    } finally {
      owned.end()
      arrays.resume(this.#handle, shard)
    }
  }
}
