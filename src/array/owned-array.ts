import { Described, summary } from '../core/describe.js'
import { type ArrayShard, arrayError, checkElement, checkWord } from './array-words.js'
import type { OpenArray } from '../core/contract.js'
import { backend } from '../runtime/backend.js'
import { Act, ArrayNote, Status } from '../core/layout.js'

const { arrayActOn } = backend.operations

/**
 * One CPU's words while this thread is their only user: {@link PerCpuArray.onCpu} passes it to its function. After that
 * function has returned, every call throws an Error.
 */
export class OwnedArray extends Described {
  /** The CPU (or concurrency id) that the words belong to, or `'overflow'`. */
  readonly cpu: ArrayShard
  readonly #array: OpenArray
  readonly #shard: number
  #ended = false

  /** @internal */
  constructor(array: OpenArray, shard: number) {
    super()
    this.#array = array
    this.#shard = shard
    this.cpu = shard === array.shards ? 'overflow' : shard
  }

  /** @internal */
  end(): void {
    this.#ended = true
  }

  #act(act: Act, i: number, operand: number, expected = 0): number {
    const array = this.#array
    // Native code cannot tell: another `onCpu` of this thread may own the words now.
    if (this.#ended) throw arrayError(-Status.notOwner, array, this.#shard)
    checkElement(i, array)
    const before = arrayActOn(array.handle, this.#shard, act, i, operand, expected)
    const note = array.notes[0] as number
    if (note < ArrayNote.overflow) throw arrayError(note, array, this.#shard)
    return before
  }

  #checked(argument: string, value: number): number {
    return checkWord(argument, value, this.#array.element)
  }

  /** Number of words. */
  get length(): number {
    return this.#array.length
  }

  /** Returns word `i`. O(1). Errors as of {@link PerCpuArray.add}. */
  load(i: number): number {
    return this.#act(Act.load, i, 0)
  }

  /** Stores `value` in word `i` and returns `value`. O(1). Errors as of {@link PerCpuArray.add}. */
  store(i: number, value: number): number {
    this.#act(Act.exchange, i, this.#checked('value', value))
    return value
  }

  /** Stores `value` in word `i` and returns its former value. O(1). Errors as of {@link PerCpuArray.add}. */
  exchange(i: number, value: number): number {
    return this.#act(Act.exchange, i, this.#checked('value', value))
  }

  /** Adds `delta` to word `i` and returns its former value. O(1). Errors as of {@link PerCpuArray.add}. */
  add(i: number, delta: number): number {
    return this.#act(Act.add, i, this.#checked('delta', delta))
  }

  /** Works like {@link PerCpuArray.compareExchange} on word `i`. O(1). */
  compareExchange(i: number, expected: number, desired: number): number {
    const compared = this.#checked('expected', expected)
    return this.#act(Act.compareExchange, i, this.#checked('desired', desired), compared)
  }

  /** Iterates over the words; each is read with {@link load} when its turn comes. */
  *[Symbol.iterator](): Generator<number, undefined> {
    for (let i = 0; i < this.length; i++) yield this.load(i)
  }

  /** @internal */
  override [summary](most: number): object {
    const { cpu, length } = this
    return { cpu, length, values: Array.from({ length: Math.min(most, length) }, (_, i) => this.load(i)) }
  }
}
