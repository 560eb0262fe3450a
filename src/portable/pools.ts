/**
 * Pools without the addon: the twin of `native/percpu/pool.cc`. Every shard is behind its lock, and a number is moved
 * alone, by the one who takes or gives it back: a thread may be terminated between any two steps here, and must not have
 * others' numbers in its hand then.
 *
 * @module
 */
import { BlockState, POISON, Status, unitStride, unitsAfterWords } from '../layout.js'
import type { Handle, Operations } from '../operations.js'
import { type PortableRegion, ownShard } from './region.js'
import { giveTo, takeFrom } from './stacks.js'

/** For the operations on one number. */
const one = new Float64Array(1)

/** The words of a region's blocks, as 32-bit words: that of block b is number 2b. */
const states = new WeakMap<PortableRegion, Int32Array>()

function statesOf(region: PortableRegion): Int32Array {
  let view = states.get(region)
  if (view === undefined) {
    const { words, firstUnitWord, arena } = region
    view = new Int32Array(words.buffer, words.byteOffset + 8 * firstUnitWord, 2 * arena.units)
    states.set(region, view)
  }
  return view
}

/** Whether the block was in this state; now it is in the other. */
function changes(region: PortableRegion, block: number, before: number, after: number): boolean {
  return Atomics.compareExchange(statesOf(region), 2 * block, before, after) === before
}

function poison(region: PortableRegion, block: number): void {
  const { words, firstUnitWord, arena } = region
  const first = words.byteOffset + 8 * firstUnitWord + unitsAfterWords(arena.units)
  new Uint8Array(words.buffer, first + block * unitStride(arena.unitSize), arena.unitSize).fill(POISON)
}

/** Takes a number into `one`: this thread's, a central one, or another's. 1, 0, or -Status. */
function takeAny(region: PortableRegion): number {
  const own = ownShard(region)
  let answer = takeFrom(region, own, one, 1)
  if (answer === 0) answer = takeFrom(region, region.shards, one, 1)
  for (let shard = 0; answer === 0 && shard < region.shards; shard++) answer = takeFrom(region, shard, one, 1)
  return answer
}

function poolAlloc(handle: Handle): number {
  const region = handle as PortableRegion
  const answer = takeAny(region)
  if (answer !== 1) return answer === 0 ? -Status.empty : answer
  const block = (one[0] as number) + 0 // Not -0.
  const { units, isChecked } = region.arena
  if (!Number.isInteger(block) || block < 0 || block >= units) return -Status.corrupt
  const isFine =
    !isChecked ||
    changes(region, block, BlockState.freed, BlockState.taken) ||
    changes(region, block, BlockState.fresh, BlockState.taken)
  return isFine ? block : -Status.corrupt
}

/** Gives a number back to this thread's shard, or to the central one. */
function giveBack(region: PortableRegion, block: number): Status {
  one[0] = block
  let answer = giveTo(region, ownShard(region), one, 1)
  if (answer === 0) answer = giveTo(region, region.shards, one, 1)
  if (answer < 0) return -answer as Status
  return answer === 1 ? Status.ok : Status.full
}

function poolFree(handle: Handle, block: number): Status {
  const region = handle as PortableRegion
  if (block >= region.arena.units) return Status.outOfRange
  if (!region.arena.isChecked) return giveBack(region, block)
  if (!changes(region, block, BlockState.taken, BlockState.freed)) return Status.notOwner
  poison(region, block)
  const status = giveBack(region, block)
  // Refused, it stays the caller's.
  if (status !== Status.ok) changes(region, block, BlockState.freed, BlockState.taken)
  return status
}

export const poolOperations: Pick<Operations, 'poolAlloc' | 'poolFree'> = { poolAlloc, poolFree }

/**
 * Nothing to do: a thread that finds nothing in its own shard and in the central one takes from any other, and nobody has
 * to be stopped for that.
 */
export function poolFlush(handle: Handle, shard: number): number {
  return shard < (handle as PortableRegion).shards ? 0 : -Status.outOfRange
}
