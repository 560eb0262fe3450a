/**
 * Pools without the addon, like `native/percpu/pool.cc`. Each shard has a lock. A thread moves only the one block that it
 * takes or gives back: it may be terminated between any two steps, and would lose all blocks that it is moving then.
 *
 * @module
 */
import { BlockState, POISON, Status, unitStride, unitsAfterWords } from '../core/layout.js'
import type { Handle, Operations } from '../core/operations.js'
import { asOwner } from './ownership.js'
import { type PortableRegion, ownShard } from './region.js'
import { STOP, popLocked, pushLocked, pushOwned, sizeOf } from './stack.js'

/** Holds the number of the block that an operation takes or gives back. */
const one = new Float64Array(1)

/** The states of the blocks of each region, as 32-bit words: element 2b is the state of block b. */
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

/** Moves a block from the state `before` to the state `after`. False, without a change, if it is in another state. */
function changes(region: PortableRegion, block: number, before: number, after: number): boolean {
  return Atomics.compareExchange(statesOf(region), 2 * block, before, after) === before
}

function poison(region: PortableRegion, block: number): void {
  const { words, firstUnitWord, arena } = region
  const first = words.byteOffset + 8 * firstUnitWord + unitsAfterWords(region.kind, arena)
  new Uint8Array(words.buffer, first + block * unitStride(arena.unitSize), arena.unitSize).fill(POISON)
}

/**
 * Takes a block into `one`, from this thread's shard, else from the central store, else from any other shard. Returns 1, 0 if
 * there is none, or a negated Status.
 */
function takeAny(region: PortableRegion): number {
  const own = ownShard(region)
  let answer = popLocked(region, own, one, 1)
  if (answer === 0) answer = popLocked(region, region.shards, one, 1)
  for (let shard = 0; answer === 0 && shard < region.shards; shard++)
    answer = popLocked(region, shard, one, 1)
  return answer
}

function poolAlloc(handle: Handle): number {
  const region = handle as PortableRegion
  const answer = takeAny(region)
  if (answer !== 1) return answer === 0 ? -Status.empty : answer
  const block = (one[0] as number) + 0 // Adding 0 turns -0 into 0.
  const { units, isChecked } = region.arena
  if (!Number.isInteger(block) || block < 0 || block >= units) return -Status.corrupt
  const isFine =
    !isChecked ||
    changes(region, block, BlockState.freed, BlockState.taken) ||
    changes(region, block, BlockState.fresh, BlockState.taken)
  return isFine ? block : -Status.corrupt
}

/** Gives a block back to this thread's shard, or to the central store if that shard is full. */
function giveBack(region: PortableRegion, block: number): Status {
  one[0] = block
  let answer = pushLocked(region, ownShard(region), one, 1)
  if (answer === 0) answer = pushLocked(region, region.shards, one, 1)
  if (answer < 0) return -answer as Status
  return answer === 1 ? Status.ok : Status.full
}

/**
 * Gives a block back to a checked pool. The caller has the central store's lock. All checks come first, so that a block that
 * is refused keeps its owner and its bytes. Returns 1 or a negated Status.
 */
function freeChecked(region: PortableRegion, block: number): number {
  const size = sizeOf(region, region.shards)
  if (size < 0) return size
  if (size >= region.arena.units) return -Status.full
  if (!changes(region, block, BlockState.taken, BlockState.freed)) return -Status.notOwner
  poison(region, block)
  one[0] = block
  const answer = pushLocked(region, ownShard(region), one, 1)
  return answer === 1 ? answer : pushOwned(region, region.shards, one, 1)
}

function poolFree(handle: Handle, block: number): Status {
  const region = handle as PortableRegion
  if (block >= region.arena.units) return Status.outOfRange
  if (!region.arena.isChecked) return giveBack(region, block)
  if (Atomics.load(statesOf(region), 2 * block) !== BlockState.taken) return Status.notOwner
  const answer = asOwner(region, region.shards, STOP, () => freeChecked(region, block))
  return answer < 0 ? (-answer as Status) : Status.ok
}

export const poolOperations: Pick<Operations, 'poolAlloc' | 'poolFree'> = { poolAlloc, poolFree }

/**
 * Moves no blocks: a thread that finds none in its own shard and in the central store takes one from any other shard, without
 * stopping another thread.
 */
export function poolFlush(handle: Handle, shard: number): number {
  return shard < (handle as PortableRegion).shards ? 0 : -Status.outOfRange
}
