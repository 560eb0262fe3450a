/**
 * Arrays of words without the addon, like `native/percpu/array.cc`. The stop word of each shard is its lock.
 *
 * Each change is one store, so a thread that is terminated before that store has changed nothing.
 *
 * @module
 */
import type { ArrayOperations } from '../core/array-operations.js'
import type { OpenArray } from '../core/contract.js'
import {
  ARRAY_HEAD,
  Act,
  type ArrayElement,
  ArrayNote,
  Kind,
  type RegionError,
  Status,
  arrayElement,
  indexName,
} from '../core/layout.js'
import type { Handle, Operations } from '../core/operations.js'
import { fromWord, isSound, sumOf, toWord } from '../core/word-bits.js'
import { opv } from './opv.js'
import { asOwner, ownsShard, resumeShard, stopShard } from './ownership.js'
import { type PortableRegion, at, openRegion, ownShard } from './region.js'

const STOP = 0

/** An array, open in this thread. */
export interface PortableArray {
  readonly region: PortableRegion
  readonly element: ArrayElement
  readonly length: number
  readonly notes: Int32Array
}

export function openArray(bytes: Uint8Array): OpenArray | RegionError {
  const region = openRegion(bytes, Kind.array)
  if (typeof region === 'number') return region
  const array: PortableArray = {
    region,
    element: arrayElement(region.element),
    length: region.length - ARRAY_HEAD,
    notes: Int32Array.of(ArrayNote.overflow),
  }
  const { element, length, notes } = array
  return {
    ...{ handle: array, element, index: indexName(region.index), shards: region.shards },
    ...{ length, notes, keeper: array },
  }
}

function fits(element: ArrayElement, value: number): boolean {
  return element === 'f64' || Number.isSafeInteger(value)
}

/** The word that an act stores in place of `word`. */
function acted(element: ArrayElement, act: Act, word: bigint, operand: number, expected: number): bigint {
  if (act === Act.load) return word
  if (act === Act.compareExchange && word !== toWord(element, expected)) return word
  return act === Act.add ? sumOf(element, word, toWord(element, operand)) : toWord(element, operand)
}

/**
 * Does an act on a shard and writes its outcome to the array's `notes`. `alone` calls the change that it is given while no
 * other thread writes the shard.
 */
function actOn(
  array: PortableArray,
  shard: number,
  act: Act,
  i: number,
  operand: number,
  expected: number,
  alone: (change: () => number) => number,
): number {
  const { region, element, notes } = array
  const { words, shards } = region
  let before = 0n
  let status: number = Status.ok
  if (act !== Act.load && !fits(element, operand)) status = -Status.badValue
  if (act === Act.compareExchange && !fits(element, expected)) status = -Status.badValue
  if (i >= array.length || shard > shards) status = -Status.outOfRange
  if (status === 0) {
    status = alone(() => {
      const position = at(region, shard, ARRAY_HEAD + i)
      before = Atomics.load(words, position)
      if (act !== Act.load) Atomics.store(words, position, acted(element, act, before, operand, expected))
      return isSound(element, before) ? 0 : -Status.corrupt
    })
  }
  notes[0] = status < 0 ? status : shard === shards ? ArrayNote.overflow : shard
  return status < 0 ? NaN : fromWord(element, before)
}

function arrayAct(handle: Handle, act: Act, i: number, operand: number, expected: number): number {
  const array = handle as PortableArray
  const shard = ownShard(array.region)
  return actOn(array, shard, act, i, operand, expected, (change) =>
    asOwner(array.region, shard, STOP, change),
  )
}

export const arrayOperations: Pick<Operations, Extract<keyof Operations, `array${string}`>> = {
  arrayAct,
  arrayActOn(handle, shard, act, i, operand, expected) {
    const array = handle as PortableArray
    return actOn(array, shard, act, i, operand, expected, (change) =>
      ownsShard(array.region, shard, STOP) ? change() : -Status.notOwner,
    )
  },
  arrayTryAddInt32: (handle, i, delta) => arrayAct(handle, Act.add, i, delta, 0),
  arrayTryAdd: (handle, i, delta) => arrayAct(handle, Act.add, i, delta, 0),
  arrayTryExchange: (handle, i, value) => arrayAct(handle, Act.exchange, i, value, 0),
  arrayTryCompareExchange: (handle, i, expected, desired) =>
    arrayAct(handle, Act.compareExchange, i, desired, expected),
  arrayTryLoad: (handle, i) => arrayAct(handle, Act.load, i, 0, 0),
}

function wordOf(handle: Handle, shard: number, i: number): bigint | null {
  const { region, element } = handle as PortableArray
  const word = Atomics.load(region.words, at(region, shard, ARRAY_HEAD + i))
  return isSound(element, word) ? word : null
}

export const arrays: ArrayOperations = {
  get(handle, shard, i) {
    const word = wordOf(handle, shard, i)
    return word === null ? null : fromWord((handle as PortableArray).element, word)
  },
  bigint: wordOf,
  stop: (handle, shard) => -stopShard((handle as PortableArray).region, shard, STOP),
  resume: (handle, shard) => -resumeShard((handle as PortableArray).region, shard, STOP),
  opv(handle, shard, operations, count) {
    const array = handle as PortableArray
    return asOwner(array.region, shard, STOP, () => opv(array, shard, operations, count))
  },
}
