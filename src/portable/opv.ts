/**
 * Vectors of operations without the addon, like `native/percpu/opv.cc`.
 *
 * @module
 */
import { ARRAY_HEAD, OpvKind, OpvWord, Status } from '../core/layout.js'
import { isSound, sumOf } from '../core/word-bits.js'
import type { PortableArray } from './array.js'
import { at } from './region.js'

/** The word that an operation of a vector stores in place of `word`. */
function changed(array: PortableArray, kind: number, word: bigint, value: bigint): bigint {
  const width = array.element === 'i32' ? 32 : 64
  switch (kind) {
    case OpvKind.store:
      return value
    case OpvKind.or:
      return word | value
    case OpvKind.and:
      return word & value
    case OpvKind.xor:
      return word ^ value
    case OpvKind.shiftLeft:
      return BigInt.asIntN(width, word << value)
    case OpvKind.shiftRight:
      return BigInt.asIntN(width, BigInt.asUintN(width, word) >> value)
    default:
      return sumOf(array.element, word, value)
  }
}

/**
 * Runs a vector on a shard that this thread owns. The operations were checked when they were encoded.
 *
 * A thread that is terminated while it stores the results leaves a part of them stored. No caller sees such a call return.
 */
export function opv(array: PortableArray, shard: number, operations: Uint8Array, count: number): number {
  const { region, element } = array
  const { words } = region
  const numbers = new Uint32Array(operations.buffer)
  const values = new BigInt64Array(operations.buffer)
  const results = new Map<number, bigint>()
  const read = (i: number): bigint => results.get(i) ?? Atomics.load(words, at(region, shard, ARRAY_HEAD + i))
  for (let k = 0; k < count; k++) {
    const [kind, i, from] = numbers.subarray(k * OpvWord.numbers) as unknown as [number, number, number]
    const value = values[k * OpvWord.values + OpvWord.value] as bigint
    // A barrier needs no work, because each store below is sequentially consistent.
    if (kind === OpvKind.barrier) continue
    const word = read(kind === OpvKind.copy ? from : i)
    if (!isSound(element, word)) return -Status.corrupt
    if (kind === OpvKind.compareEqual || kind === OpvKind.compareNotEqual) {
      if ((word === value) !== (kind === OpvKind.compareEqual)) return k
    } else {
      // Deleting the entry first moves it to the end, so that the result is stored after those before a barrier.
      results.delete(i)
      results.set(i, kind === OpvKind.copy ? word : changed(array, kind, word, value))
    }
  }
  for (const [i, word] of results) Atomics.store(words, at(region, shard, ARRAY_HEAD + i), word)
  return count
}
