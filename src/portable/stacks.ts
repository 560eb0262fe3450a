/**
 * Stacks without the addon: the twin of `native/percpu/stack.cc`. Every shard is behind its lock, the stop word.
 *
 * A change is one store, of the count. Whatever thread is terminated before it has changed nothing.
 *
 * @module
 */
import { Kind, STACK_HEAD, Status } from '../layout.js'
import { CORRUPT_STACK, type Handle, NOTHING_TO_POP, type Operations } from '../operations.js'
import { asOwner } from './ownership.js'
import { type PortableRegion, at, ownShard } from './region.js'

const COUNT = 0
const STOP = 1

/** The values of a region as doubles. */
const views = new WeakMap<PortableRegion, Float64Array>()

function doublesOf(region: PortableRegion): Float64Array {
  let view = views.get(region)
  if (view === undefined) {
    const { buffer, byteOffset, length } = region.words
    view = new Float64Array(buffer, byteOffset, length)
    views.set(region, view)
  }
  return view
}

/** How many values a shard has room for: a pool's overflow shard for all blocks. */
function capacityOf(region: PortableRegion, shard: number): number {
  return shard === region.shards && region.kind === Kind.pool
    ? region.arena.units
    : region.length - STACK_HEAD
}

/** How many values a shard has, or -corrupt. */
export function sizeOf(region: PortableRegion, shard: number): number {
  const size = BigInt.asUintN(64, Atomics.load(region.words, at(region, shard, COUNT)))
  return size <= capacityOf(region, shard) ? Number(size) : -Status.corrupt
}

function setSize(region: PortableRegion, shard: number, size: number): void {
  Atomics.store(region.words, at(region, shard, COUNT), BigInt(size))
}

/** Pushes as many as fit on a shard that is this thread's alone. */
export function give(region: PortableRegion, shard: number, values: Float64Array, count: number): number {
  const size = sizeOf(region, shard)
  if (size < 0) return size
  const fitting = Math.min(count, values.length, capacityOf(region, shard) - size)
  // A copy: what is checked is what is stored, also where the array is shared.
  const given = values.slice(0, fitting)
  if (!given.every(Number.isFinite)) return -Status.badValue
  doublesOf(region).set(given, at(region, shard, STACK_HEAD + size))
  setSize(region, shard, size + fitting)
  return fitting
}

export function take(region: PortableRegion, shard: number, into: Float64Array, count: number): number {
  const size = sizeOf(region, shard)
  if (size < 0) return size
  const taken = Math.min(count, into.length, size)
  const end = at(region, shard, STACK_HEAD + size)
  const values = doublesOf(region)
    .slice(end - taken, end)
    .reverse()
  // All of them are taken off all the same: what is wrong must not stay.
  setSize(region, shard, size - taken)
  if (!values.every(Number.isFinite)) return -Status.corrupt
  into.set(values)
  return taken
}

/** Pushes on a shard as its owner. */
export function giveTo(region: PortableRegion, shard: number, values: Float64Array, count: number): number {
  return asOwner(region, shard, STOP, () => give(region, shard, values, count))
}

export function pushMany(handle: Handle, values: Float64Array, count: number): number {
  const region = handle as PortableRegion
  return giveTo(region, ownShard(region), values, count)
}

/** Not to take a lock for nothing: the count is looked at first. */
export function takeFrom(region: PortableRegion, shard: number, into: Float64Array, count: number): number {
  const size = sizeOf(region, shard)
  return size > 0 ? asOwner(region, shard, STOP, () => take(region, shard, into, count)) : size
}

export function popMany(handle: Handle, into: Float64Array, count: number): number {
  const region = handle as PortableRegion
  const own = ownShard(region)
  const taken = takeFrom(region, own, into, count)
  if (taken < 0 || taken === count || own === region.shards) return taken
  const more = takeFrom(region, region.shards, into.subarray(taken), count - taken)
  return more < 0 && taken === 0 ? more : taken + Math.max(0, more)
}

/** For the operations on one value. */
const one = new Float64Array(1)

function stackPush(handle: Handle, value: number): Status {
  one[0] = value
  const pushed = pushMany(handle, one, 1)
  if (pushed < 0) return -pushed as Status
  return pushed === 1 ? Status.ok : Status.full
}

function stackPop(handle: Handle): number {
  const popped = popMany(handle, one, 1)
  if (popped === 1) return one[0] as number
  if (popped === 0) return NOTHING_TO_POP
  return popped === -Status.corrupt ? CORRUPT_STACK : NaN
}

function stackTryPop(handle: Handle): number {
  const value = stackPop(handle)
  return Number.isFinite(value) ? value : NaN
}

export const stackOperations: Pick<Operations, 'stackPush' | 'stackTryPush' | 'stackPop' | 'stackTryPop'> = {
  stackPush,
  stackTryPush: stackPush,
  stackPop,
  stackTryPop,
}
