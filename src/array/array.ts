import { summary } from '../core/describe.js'
import { checkOpen, own } from '../runtime/disposal.js'
import {
  type ArrayShard,
  arrayError,
  checkElement,
  checkShard,
  checkWord,
  rememberArray,
} from './array-words.js'
import { backend } from '../runtime/backend.js'
import { checkChoice, checkInteger, typeError } from '../core/errors.js'
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
} from '../core/layout.js'
import type { Handle } from '../core/operations.js'
import { OwnedArray } from './owned-array.js'
import { checkOptions } from '../core/options.js'
import { AdoptedBuffer, RegionHolder, bufferFor, createRegion, openArray } from '../runtime/region.js'

/** Options of a new {@link PerCpuArray}. */
export interface ArrayOptions {
  /**
   * The type of the words. `i64` (the default): integers of 64 bits; `i32`: integers of 32 bits, as in an Int32Array; `f64`:
   * doubles. Every word takes 8 bytes.
   */
  element?: ArrayElement
  /** What numbers the shards: the `cpu` (the default) or the `concurrency` id; see {@link CounterOptions}. */
  index?: IndexName
}

const ELEMENTS = ['i64', 'i32', 'f64'] as const

const { arrayAct, arrayTryAdd, arrayTryAddInt32 } = backend.operations
const { waiting } = backend
const { arrayTryExchange, arrayTryCompareExchange, arrayTryLoad } = backend.operations
const { arrays } = backend

/** A constant of this module: see counters.ts. */
const OVERFLOW = ArrayNote.overflow

function newArray(length: unknown, options: ArrayOptions): SharedArrayBuffer {
  const words = checkInteger('length', length, 1, MAX_LENGTH - ARRAY_HEAD) + ARRAY_HEAD
  const { element, index } = checkOptions('options', options, ['element', 'index'])
  return createRegion(
    Kind.array,
    words,
    checkChoice('element', element, ELEMENTS),
    checkChoice('index', index, INDEXES),
  )
}

/**
 * An array of words for each CPU that worker threads share, from which programs build their own per-CPU structures.
 *
 * Each operation is one restartable sequence on a word of the CPU that runs the thread. It is atomic with respect to the
 * other threads on that CPU, without an atomic instruction and without moving a cache line between cores. It returns the
 * former value of the word, as the operations of `Atomics` do, and {@link lastCpu} says on which CPU it was made. The kernel
 * may move the thread between two operations. So keep data that belongs together in one word, check it with
 * {@link compareExchange}, or change it with {@link onCpu} or {@link cpuOpv}.
 *
 * An operation cannot use a CPU's words if the thread has no restartable sequences, if `onCpu` has stopped the CPU, or if the
 * section was aborted eight times in a row. It then uses one more set of words, behind a lock: the **overflow** words, with
 * a {@link lastCpu} of -1. A sum over all CPUs and the overflow words is exact. If the words are not summed (a state, a
 * pointer, a token of a CPU), treat the overflow words as those of one more CPU.
 *
 * Numbers: an `i64` word accepts and returns integers exactly from -(2**53 - 1) to 2**53 - 1; larger sums are exact in memory,
 * wrap at 64 bits, and are rounded when they are returned (but not by {@link getBigint}). An `i32` word keeps the lowest 32
 * bits, as an Int32Array does. `f64` words accept any number and are compared bit by bit: -0 differs from 0. NaNs are stored
 * in one canonical form; the NaN that results from an addition may differ.
 *
 * Memory order: what a thread stored before an operation is visible to a thread that sees the result of that operation
 * with {@link get} (release and acquire).
 *
 * Memory: (possible CPUs + 1) x (8 x (length + 1), rounded up to 128) bytes and at most 256 more.
 *
 * @example
 * ```ts
 * const words = new PerCpuArray(2)
 * words.add(0, 5) // 0, the word before the addition
 * words.compareExchange(0, 5, 7) // 5: the word is 7 now, if the thread is still on the same CPU
 * words.perCpu(0) // one number for each CPU
 * ```
 */
export class PerCpuArray extends RegionHolder {
  readonly #array = own(this, openArray(this.buffer))
  readonly #handle: Handle = this.#array.handle
  readonly #notes = this.#array.notes
  readonly #isWhole = this.#array.element !== 'f64'
  readonly #isWide = this.#array.element !== 'i32'
  /** Number of words of each CPU. */
  readonly length = this.#array.length

  /**
   * Makes words that are all 0.
   *
   * @param length - number of words of each CPU, 1 or more.
   * @param options - the type of the words, and what numbers the shards.
   * @throws TypeError if an argument has the wrong type or an option is unknown; RangeError if a value is out of range, or
   *   the memory is not available.
   */
  constructor(length: number, options: ArrayOptions = {}) {
    super(bufferFor('PerCpuArray', [length, options], () => newArray(length, options)))
    rememberArray(this, this.#array)
  }

  /**
   * Opens words that another thread made.
   *
   * @param buffer - their {@link PerCpuArray.buffer}, received by `workerData` or a message.
   * @returns a new object on the memory of those words.
   * @throws TypeError if `buffer` is no SharedArrayBuffer.
   * @throws RangeError if `buffer` is too short, has another layout version or another kind of content, or is damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuArray {
    return new PerCpuArray(0, new AdoptedBuffer(buffer) as ArrayOptions)
  }

  /** The type of the words. */
  get element(): ArrayElement {
    return this.#array.element
  }

  /** What numbers the shards: the requested index, or `cpu` if the kernel has no concurrency ids. */
  get index(): IndexName {
    return this.#array.index
  }

  /**
   * The CPU (or concurrency id) on whose word the last operation of this object was made. -1 if it was made on an overflow
   * word, if it threw, and before the first operation. O(1), one load.
   */
  get lastCpu(): number {
    return Math.max(this.#notes[0] as number, OVERFLOW)
  }

  /**
   * Adds to this CPU's word `i`. The sum wraps at the width of the element. O(1).
   *
   * @param i - 0 to {@link length} - 1.
   * @param delta - for `i64` and `i32` an integer from -(2**53 - 1) to 2**53 - 1, for `f64` any number.
   * @returns the word before the addition.
   * @throws TypeError, RangeError if word `i` does not exist, or the element does not accept `delta`.
   * @throws RegionCorruptError if something has written over the memory; Error if another thread keeps the overflow
   *   words for ten seconds. This applies to every operation.
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

  /**
   * Stores `value` in this CPU's word `i`. O(1). Arguments and errors as of {@link add}.
   *
   * @returns the word before the store.
   */
  exchange(i: number, value: number): number {
    if (typeof value !== 'number' || typeof i !== 'number' || i >>> 0 !== i)
      return this.#refuse(i, value, 'value')
    const before = arrayTryExchange(this.#handle, i, value)
    if (before === before && (this.#isWide || (before | 0) === before)) return before
    return this.#settle(before, Act.exchange, i, value, 'value')
  }

  /** Stores `value` in this CPU's word `i`, and returns `value`. O(1). Arguments and errors as of {@link add}. */
  store(i: number, value: number): number {
    this.exchange(i, value)
    return value
  }

  /** Returns this CPU's word `i`. O(1). Errors as of {@link add}. */
  load(i: number): number {
    if (typeof i !== 'number' || i >>> 0 !== i) return this.#refuse(i, 0, 'value')
    const before = arrayTryLoad(this.#handle, i)
    if (before === before && (this.#isWide || (before | 0) === before)) return before
    return this.#settle(before, Act.load, i, 0, 'value')
  }

  /**
   * Stores `desired` in this CPU's word `i` if the word equals `expected`. O(1). Arguments and errors as of {@link add}.
   *
   * The word is that of the CPU where the thread runs now, which may differ from the CPU where `expected` was loaded: see
   * {@link lastCpu}.
   *
   * @returns the word before the call. It equals `expected` if `desired` was stored.
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

  /** Throws for an index or a value that is not accepted. */
  #refuse(i: unknown, value: unknown, argument: string): never {
    this.#notes[0] = OVERFLOW
    checkElement(i, this.#array)
    checkWord(argument, value, this.element)
    throw typeError(argument, 'a number', value)
  }

  /** Finishes an operation whose first attempt did not succeed, or throws. */
  #settle(attempted: number, act: Act, i: number, operand: number, argument: string, expected = 0): number {
    checkOpen(this)
    // An i32 word held more than 32 bits: the operation was made, but no operation leaves such a word.
    if (attempted === attempted) throw arrayError(-Status.corrupt, this.#array)
    const first = this.#notes[0] as number
    // The word held a NaN.
    if (!this.#isWhole && first >= OVERFLOW) return attempted
    checkElement(i, this.#array)
    checkWord(argument, operand, this.element)
    // An error and no failed attempt: the operation must not be repeated.
    if (first < ArrayNote.notDone && first !== -Status.busy) throw arrayError(first, this.#array)
    let before = first === -Status.busy ? NaN : arrayAct(this.#handle, act, i, operand, expected)
    if (this.#notes[0] === -Status.busy) before = waiting.arrayAct(this.#handle, act, i, operand, expected)
    const note = this.#notes[0] as number
    if (note < OVERFLOW) throw arrayError(note, this.#array)
    return before
  }

  /**
   * Returns the word `i` of any CPU, or of the overflow words. This is one acquiring load; the CPU's threads may change the
   * word right after it. O(1).
   *
   * @param cpu - 0 to `info().possibleCpus - 1`, or `'overflow'`; with the index `concurrency`, a concurrency id.
   * @param i - 0 to {@link length} - 1.
   * @throws TypeError, RangeError if the CPU or the word does not exist; RegionCorruptError if something has written over
   *   the memory.
   */
  get(cpu: ArrayShard, i: number): number {
    return this.#sound(arrays.get(this.#handle, checkShard(cpu, this.#array), checkElement(i, this.#array)))
  }

  /**
   * Returns the word `i` of any CPU like {@link get}, but exact to 64 bits.
   *
   * @throws TypeError for an array of `f64`; and the errors of {@link get}.
   */
  getBigint(cpu: ArrayShard, i: number): bigint {
    if (!this.#isWhole) throw typeError('element', "'i64' or 'i32' for a bigint", this.element)
    return this.#sound(
      arrays.bigint(this.#handle, checkShard(cpu, this.#array), checkElement(i, this.#array)),
    )
  }

  /**
   * Returns the word `i` of every possible CPU or concurrency id, read one after the other. Errors as of {@link get}.
   * O(possible CPUs).
   */
  perCpu(i: number): number[] {
    return Array.from({ length: this.#array.shards }, (_, cpu) => this.get(cpu, i))
  }

  /** Returns the overflow word `i`. Errors as of {@link get}. */
  overflow(i: number): number {
    return this.get('overflow', i)
  }

  #sound<Word>(word: Word | null): Word {
    checkOpen(this)
    if (word === null) throw arrayError(-Status.corrupt, this.#array)
    return word
  }

  /**
   * Stops a CPU's words for all other threads, calls `use` with them, and releases them. Meanwhile the operations of the
   * CPU's threads go to the overflow words; another `onCpu` for that CPU waits for up to ten seconds.
   *
   * Takes some microseconds, because a fence aborts the CPU's sections. If this thread is terminated in `use`, the next
   * thread that stops the CPU's words takes them over in their state at that moment. On the portable backend, a thread that
   * cannot know whether this one lives takes them over two seconds after the last operation of `use` (docs/ownership.md).
   *
   * @param cpu - as for {@link get}.
   * @param use - a synchronous function: the words are released when it returns, even if it returns a promise.
   * @returns the value that `use` returns.
   * @throws TypeError, RangeError if `cpu` does not exist or `use` is no function.
   * @throws Error if another thread does not release the words within ten seconds, if this thread has stopped them already,
   *   or if the CPU cannot be stopped; and whatever `use` throws.
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

  /**
   * Iterates over the words. For each word it yields an array with the values of {@link perCpu} and, last, the
   * {@link overflow} word.
   */
  *[Symbol.iterator](): Generator<number[], undefined> {
    for (let i = 0; i < this.length; i++) yield [...this.perCpu(i), this.overflow(i)]
  }

  /** @internal */
  override [summary](): object {
    const { element, index, length } = this
    return { element, index, length }
  }
}
