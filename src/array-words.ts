/**
 * What {@link PerCpuArray}, {@link OwnedArray} and {@link cpuOpv} share: the checks of arguments, and the errors.
 *
 * @module
 */
import type { OpenArray } from './backend.js'
import { checkInteger, rangeError, typeError } from './errors.js'
import type { ArrayElement } from './layout.js'
import { remoteError } from './remote-errors.js'

/** Whose words are meant: a CPU's (or a concurrency id's), or those of threads that cannot use a CPU's. */
export type ArrayShard = number | 'overflow'

const VALUES = {
  i64: 'an integer from -(2**53 - 1) to 2**53 - 1 for an i64 array',
  i32: 'an integer from -(2**53 - 1) to 2**53 - 1 for an i32 array',
  f64: 'a number',
} as const

/** @throws TypeError, RangeError unless `value` is a number that the element takes. */
export function checkWord(argument: string, value: unknown, element: ArrayElement): number {
  if (typeof value !== 'number') throw typeError(argument, VALUES[element], value)
  if (element !== 'f64' && !Number.isSafeInteger(value)) throw rangeError(argument, VALUES[element], value)
  return value
}

/** @throws TypeError, RangeError unless there is a word `i`. */
export function checkElement(i: unknown, { length }: OpenArray): number {
  return checkInteger('index', i, 0, length - 1)
}

/** The number of a shard. @throws TypeError, RangeError if there is none. */
export function checkShard(cpu: unknown, { shards }: OpenArray): number {
  if (cpu === 'overflow') return shards
  const expected = `an integer from 0 to ${shards - 1}, or 'overflow'`
  if (typeof cpu !== 'number') throw typeError('cpu', expected, cpu)
  if (cpu >>> 0 !== cpu || cpu >= shards) throw rangeError('cpu', expected, cpu)
  return cpu + 0 // Not -0: it comes back as an answer.
}

/** What to throw for a status below 0, of an operation on `shard` if one was named. */
export function arrayError(answer: number, { shards }: OpenArray, shard = shards): Error {
  return remoteError(answer, 'array', shard === shards ? undefined : shard)
}

const known = new WeakMap<object, OpenArray>()

/** Remembers what a PerCpuArray stands on, for the other modules of this package. */
export function rememberArray(owner: object, array: OpenArray): void {
  known.set(owner, array)
}

/** What `owner` stands on; undefined if it is no PerCpuArray. */
export function arrayOf(owner: unknown): OpenArray | undefined {
  return typeof owner === 'object' && owner !== null ? known.get(owner) : undefined
}
