/**
 * Stacks without the addon, like `native/percpu/stack.cc`. The stop word of each shard is its lock.
 *
 * One store, to the count, makes each change: a thread that is terminated before that store has changed nothing.
 *
 * @module
 */
import { Kind, STACK_HEAD, Status } from '../core/layout.js'
import { CORRUPT_STACK, type Handle, NOTHING_TO_POP, type Operations } from '../core/operations.js'
import { asOwner } from './ownership.js'
import { type PortableRegion, at, ownShard } from './region.js'

const COUNT = 0
/** The position of the stop word in a shard. */
export const STOP = 1

/** The words of each region as doubles. */
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

/** How many values a shard has room for. The overflow shard of a pool has room for all its blocks. */
function capacityOf(region: PortableRegion, shard: number): number {
  return shard === region.shards && region.kind === Kind.pool
    ? region.arena.units
    : region.length - STACK_HEAD
}

/** How many values a shard has; -corrupt if its count is damaged. */
export function sizeOf(region: PortableRegion, shard: number): number {
  const size = BigInt.asUintN(64, Atomics.load(region.words, at(region, shard, COUNT)))
  return size <= capacityOf(region, shard) ? Number(size) : -Status.corrupt
}

function setSize(region: PortableRegion, shard: number, size: number): void {
  Atomics.store(region.words, at(region, shard, COUNT), BigInt(size))
}

/** Pushes as many values as fit on a shard that this thread owns. Returns how many, or a negated Status. */
export function pushOwned(
  region: PortableRegion,
  shard: number,
  values: Float64Array,
  count: number,
): number {
  const size = sizeOf(region, shard)
  if (size < 0) return size
  const fitting = Math.min(count, values.length, capacityOf(region, shard) - size)
  // Checks and stores a copy, because another thread may change the values of a shared array in between.
  const given = values.slice(0, fitting)
  if (!given.every(Number.isFinite)) return -Status.badValue
  doublesOf(region).set(given, at(region, shard, STACK_HEAD + size))
  setSize(region, shard, size + fitting)
  return fitting
}

export function popOwned(region: PortableRegion, shard: number, into: Float64Array, count: number): number {
  const size = sizeOf(region, shard)
  if (size < 0) return size
  const most = Math.min(count, into.length, size)
  const end = at(region, shard, STACK_HEAD + size)
  const values = doublesOf(region)
    .slice(end - most, end)
    .reverse()
  const scribbled = values.findIndex((value) => !Number.isFinite(value))
  const taken = scribbled === -1 ? most : scribbled
  // Hands out the values above a damaged word. The next call finds that word on top, removes it and returns -corrupt.
  setSize(region, shard, size - (scribbled === 0 ? 1 : taken))
  if (scribbled === 0) return -Status.corrupt
  into.set(values.subarray(0, taken))
  return taken
}

/** Pushes values on a shard, owning it meanwhile. */
export function pushLocked(
  region: PortableRegion,
  shard: number,
  values: Float64Array,
  count: number,
): number {
  return asOwner(region, shard, STOP, () => pushOwned(region, shard, values, count))
}

export function pushMany(handle: Handle, values: Float64Array, count: number): number {
  const region = handle as PortableRegion
  return pushLocked(region, ownShard(region), values, count)
}

/** Pops values off a shard, owning it meanwhile. Looks at the count first, so that an empty shard costs no lock. */
export function popLocked(region: PortableRegion, shard: number, into: Float64Array, count: number): number {
  const size = sizeOf(region, shard)
  return size > 0 ? asOwner(region, shard, STOP, () => popOwned(region, shard, into, count)) : size
}

export function popMany(handle: Handle, into: Float64Array, count: number): number {
  const region = handle as PortableRegion
  const own = ownShard(region)
  const taken = popLocked(region, own, into, count)
  if (taken < 0 || taken === count || own === region.shards) return taken
  const more = popLocked(region, region.shards, into.subarray(taken), count - taken)
  return more < 0 && taken === 0 ? more : taken + Math.max(0, more)
}

/** Holds the value of an operation on a single value. */
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
  return value === NOTHING_TO_POP ? NaN : value
}

export const stackOperations: Pick<Operations, 'stackPush' | 'stackTryPush' | 'stackPop' | 'stackTryPop'> = {
  stackPush,
  stackTryPush: stackPush,
  stackPop,
  stackTryPop,
}
