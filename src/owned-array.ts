import { type ArrayShard, arrayError, checkElement, checkWord } from './array-words.js'
import { type OpenArray, backend } from './backend.js'
import { Act, ArrayNote, Status } from './layout.js'

const { arrayActOn } = backend.operations

/**
 * One CPU's words while this thread is their only user: what the function given to {@link PerCpuArray.onCpu} gets.
 * Of no use after that function has returned: then every call throws.
 */
export class OwnedArray {
  /** Whose words they are. */
  readonly cpu: ArrayShard
  readonly #array: OpenArray
  readonly #shard: number
  #ended = false

  /** @internal */
  constructor(array: OpenArray, shard: number) {
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
    // Another `onCpu` of this thread may own the same words by now.
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

  /** How many words there are. */
  get length(): number {
    return this.#array.length
  }

  /** As {@link PerCpuArray.load}, there. */
  load(i: number): number {
    return this.#act(Act.load, i, 0)
  }

  /** As {@link PerCpuArray.store}, there. */
  store(i: number, value: number): number {
    this.#act(Act.exchange, i, this.#checked('value', value))
    return value
  }

  /** As {@link PerCpuArray.exchange}, there. */
  exchange(i: number, value: number): number {
    return this.#act(Act.exchange, i, this.#checked('value', value))
  }

  /** As {@link PerCpuArray.add}, there. */
  add(i: number, delta: number): number {
    return this.#act(Act.add, i, this.#checked('delta', delta))
  }

  /** As {@link PerCpuArray.compareExchange}, there. */
  compareExchange(i: number, expected: number, desired: number): number {
    const compared = this.#checked('expected', expected)
    return this.#act(Act.compareExchange, i, this.#checked('desired', desired), compared)
  }
}
