/**
 * Vectors of operations without the addon: the twin of `native/percpu/opv.cc`.
 *
 * @module
 */
import { ARRAY_HEAD, OpvKind, OpvWord, Status } from '../layout.js'
import { isSound, sumOf } from '../word-bits.js'
import type { PortableArray } from './arrays.js'
import { at } from './region.js'

/** What an operation that changes its word makes of it. */
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
 * Runs a vector on a shard that is this thread's alone. Its operations were checked when they were encoded.
 *
 * A thread that is terminated while the results are stored leaves a part of them: it has not returned.
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
    // Each store below is sequentially consistent.
    if (kind === OpvKind.barrier) continue
    const word = read(kind === OpvKind.copy ? from : i)
    if (!isSound(element, word)) return -Status.corrupt
    if (kind === OpvKind.compareEqual || kind === OpvKind.compareNotEqual) {
      if ((word === value) !== (kind === OpvKind.compareEqual)) return k
    } else {
      // At the end, as a barrier may stand before it.
      results.delete(i)
      results.set(i, kind === OpvKind.copy ? word : changed(array, kind, word, value))
    }
  }
  for (const [i, word] of results) Atomics.store(words, at(region, shard, ARRAY_HEAD + i), word)
  return count
}
