/**
 * Lists without the addon: the twin of `native/percpu/list.cc`. Every list is behind its lock, the stop word.
 *
 * A change is one store, of the head. Whatever thread is terminated before it has changed nothing.
 *
 * @module
 */
import { Status } from '../layout.js'
import type { Handle, Operations } from '../operations.js'
import { asOwner } from './ownership.js'
import { type PortableRegion, at, ownShard } from './region.js'

const HEAD = 0
const STOP = 1

/** A word that holds the number of a node and 1, or 0; -corrupt if it does not. */
function linkAt(region: PortableRegion, position: number): number {
  const link = BigInt.asUintN(64, Atomics.load(region.words, position))
  return link <= region.arena.units ? Number(link) : -Status.corrupt
}

function headOf(region: PortableRegion, shard: number): number {
  return linkAt(region, at(region, shard, HEAD))
}

function linkOf(region: PortableRegion, node: number): number {
  return linkAt(region, region.firstUnitWord + node)
}

/** Pushes nodes on a list that is this thread's alone. */
export function give(region: PortableRegion, shard: number, nodes: Float64Array, count: number): number {
  for (let k = 0; k < count; k++) {
    const node = nodes[k] as number
    if (!Number.isInteger(node) || node < 0 || node >= region.arena.units) return -Status.badValue
    const head = headOf(region, shard)
    if (head < 0) return head
    Atomics.store(region.words, region.firstUnitWord + node, BigInt(head))
    Atomics.store(region.words, at(region, shard, HEAD), BigInt(node + 1))
  }
  return count
}

export function take(region: PortableRegion, shard: number, into: Float64Array, count: number): number {
  let link = headOf(region, shard)
  let taken = 0
  for (; taken < count && link > 0; taken++) {
    into[taken] = link - 1
    link = linkOf(region, link - 1)
  }
  if (link < 0) return link
  // All nodes, and there are more: a circle.
  if (taken > 0 && taken >= region.arena.units && link !== 0) return -Status.corrupt
  if (taken > 0) Atomics.store(region.words, at(region, shard, HEAD), BigInt(link))
  return taken
}

function walk(region: PortableRegion, shard: number): number {
  let seen = 0
  let link = headOf(region, shard)
  for (; link > 0; link = linkOf(region, link - 1)) if (++seen > region.arena.units) return -Status.corrupt
  return link < 0 ? link : seen
}

export function sizeOf(region: PortableRegion, shard: number): number {
  if (shard > region.shards) return -Status.outOfRange
  return headOf(region, shard) === 0 ? 0 : asOwner(region, shard, STOP, () => walk(region, shard))
}

/** For the operations on one node. */
const one = new Float64Array(1)

function listPush(handle: Handle, node: number): Status {
  const region = handle as PortableRegion
  if (node >= region.arena.units) return Status.outOfRange
  one[0] = node
  const shard = ownShard(region)
  const answer = asOwner(region, shard, STOP, () => give(region, shard, one, 1))
  return answer < 0 ? (-answer as Status) : Status.ok
}

/** Not to take a lock for nothing: the head is looked at first. */
function takeFrom(region: PortableRegion, shard: number): number {
  const head = headOf(region, shard)
  return head > 0 ? asOwner(region, shard, STOP, () => take(region, shard, one, 1)) : head
}

function listPop(handle: Handle): number {
  const region = handle as PortableRegion
  const own = ownShard(region)
  let answer = takeFrom(region, own)
  if (answer === 0 && own !== region.shards) answer = takeFrom(region, region.shards)
  if (answer === 1) return one[0] as number
  return answer === 0 ? -Status.empty : answer
}

export const listOperations: Pick<Operations, 'listPush' | 'listTryPush' | 'listPop' | 'listTryPop'> = {
  listPush,
  listTryPush: listPush,
  listPop,
  listTryPop: listPop,
}
