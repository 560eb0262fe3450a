/**
 * The checks of arguments and the errors of {@link PerCpuArray}, {@link OwnedArray} and {@link cpuOpv}.
 *
 * @module
 */
import type { OpenArray } from '../core/contract.js'
import { checkInteger, rangeError, typeError } from '../core/errors.js'
import type { ArrayElement } from '../core/layout.js'
import { bufferOfAnotherCopy, openArray } from '../runtime/region.js'
import { remoteError } from '../runtime/remote-errors.js'

/** The number of a CPU (or concurrency id), or `'overflow'` for the words of operations that no CPU's words could serve. */
export type ArrayShard = number | 'overflow'

const VALUES = {
  i64: 'an integer from -(2**53 - 1) to 2**53 - 1 for an i64 array',
  i32: 'an integer from -(2**53 - 1) to 2**53 - 1 for an i32 array',
  f64: 'a number',
} as const

/** @throws TypeError, RangeError unless `value` is a number that the element accepts. */
export function checkWord(argument: string, value: unknown, element: ArrayElement): number {
  if (typeof value !== 'number') throw typeError(argument, VALUES[element], value)
  if (element !== 'f64' && !Number.isSafeInteger(value)) throw rangeError(argument, VALUES[element], value)
  return value
}

/** @throws TypeError, RangeError unless word `i` exists. */
export function checkElement(i: unknown, { length }: OpenArray): number {
  return checkInteger('index', i, 0, length - 1)
}

/** The number of a shard. @throws TypeError, RangeError if the shard does not exist. */
export function checkShard(cpu: unknown, { shards }: OpenArray): number {
  if (cpu === 'overflow') return shards
  const expected = `an integer from 0 to ${shards - 1}, or 'overflow'`
  if (typeof cpu !== 'number') throw typeError('cpu', expected, cpu)
  if (cpu >>> 0 !== cpu || cpu >= shards) throw rangeError('cpu', expected, cpu)
  return cpu + 0 // Turns -0 into 0: the caller returns this number.
}

/** The error for a negated status; it names the CPU of `shard`. */
export function arrayError(answer: number, { shards }: OpenArray, shard = shards): Error {
  return remoteError(answer, 'array', shard === shards ? undefined : shard)
}

const known = new WeakMap<object, OpenArray>()

/** Makes the open array behind a PerCpuArray known to {@link arrayOf}. */
export function rememberArray(owner: object, array: OpenArray): void {
  known.set(owner, array)
}

/**
 * The open array behind a PerCpuArray. If another copy of this package made it, its `buffer` is opened here, once.
 *
 * @throws TypeError if `owner` is no PerCpuArray; RangeError if its buffer holds something else.
 */
export function arrayOf(argument: string, owner: unknown): OpenArray {
  const ours = known.get(owner as object)
  if (ours !== undefined) return ours
  const buffer = bufferOfAnotherCopy(owner)
  if (buffer === undefined) throw typeError(argument, 'a PerCpuArray', owner)
  const array = openArray(buffer)
  known.set(owner as object, array)
  return array
}
