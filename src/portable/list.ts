/**
 * Lists without the addon, like `native/percpu/list.cc`. The stop word of each list is its lock.
 *
 * A change of an unchecked list is one store to its head: a thread that is terminated before that store has changed nothing.
 * A change of a checked list is two stores, to a node's state and to a head, under the overflow shard's lock. If a thread is
 * terminated between the two, the node is neither lost nor on two lists; `native/percpu/list.cc` explains why.
 *
 * @module
 */
import { NodeState, Status } from '../core/layout.js'
import type { Handle, Operations } from '../core/operations.js'
import { asOwner } from './ownership.js'
import { type PortableRegion, at, ownShard } from './region.js'

const HEAD = 0
const STOP = 1

/** Reads a link: the number of a node plus 1, or 0 at the end of a list. -corrupt if the word is neither. */
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

function link(region: PortableRegion, shard: number, node: number): Status {
  const head = headOf(region, shard)
  if (head < 0) return -head as Status
  Atomics.store(region.words, region.firstUnitWord + node, BigInt(head))
  Atomics.store(region.words, at(region, shard, HEAD), BigInt(node + 1))
  return Status.ok
}

/** The states of the nodes of checked lists, as 32-bit words: element 2n is the state of node n. */
const states = new WeakMap<PortableRegion, Int32Array>()

function statesOf(region: PortableRegion): Int32Array {
  let view = states.get(region)
  if (view === undefined) {
    const { words, firstUnitWord, arena } = region
    const first = firstUnitWord + arena.units
    view = new Int32Array(words.buffer, words.byteOffset + 8 * first, 2 * arena.units)
    states.set(region, view)
  }
  return view
}

/** Returns `listed` if a node is on any list and ok if it is on none. The caller has the overflow shard's lock. */
function search(region: PortableRegion, node: number): Status {
  let seen = 0
  for (let shard = 0; shard <= region.shards; shard++) {
    let next = headOf(region, shard)
    for (; next > 0; next = linkOf(region, next - 1)) {
      if (next - 1 === node) return Status.listed
      if (++seen > region.arena.units) return Status.corrupt
    }
    if (next < 0) return Status.corrupt
  }
  return Status.ok
}

/** Pushes a node on a checked list if it is on no list. The caller has the overflow shard's lock. */
function linkFree(region: PortableRegion, shard: number, node: number): Status {
  const view = statesOf(region)
  const found = Atomics.load(view, 2 * node) === NodeState.free ? Status.ok : search(region, node)
  if (found !== Status.ok) return found
  Atomics.store(view, 2 * node, NodeState.listed)
  const status = link(region, shard, node)
  if (status !== Status.ok) Atomics.store(view, 2 * node, NodeState.free)
  return status
}

function pushOne(region: PortableRegion, shard: number, node: number): number {
  if (!region.arena.isChecked) return -link(region, shard, node)
  return asOwner(region, region.shards, STOP, () => -linkFree(region, shard, node))
}

/** Pushes nodes on a list that this thread owns. */
export function pushOwned(region: PortableRegion, shard: number, nodes: Float64Array, count: number): number {
  for (let k = 0; k < count; k++) {
    const node = nodes[k] as number
    if (!Number.isInteger(node) || node < 0 || node >= region.arena.units) return -Status.badValue
    const answer = pushOne(region, shard, node)
    if (answer < 0) return answer
  }
  return count
}

/** Pops nodes one by one from a checked list that this thread owns. The caller has the overflow shard's lock. */
function popListed(region: PortableRegion, shard: number, into: Float64Array, count: number): number {
  const view = statesOf(region)
  let taken = 0
  for (; taken < count && taken < into.length; taken++) {
    const head = headOf(region, shard)
    if (head <= 0) return head < 0 ? head : taken
    const node = head - 1
    Atomics.store(
      region.words,
      at(region, shard, HEAD),
      Atomics.load(region.words, region.firstUnitWord + node),
    )
    // Any state but `listed` stays as it is: the next push of the node then searches all lists for the node.
    const before = Atomics.compareExchange(view, 2 * node, NodeState.listed, NodeState.free)
    if (before !== NodeState.listed) return -Status.corrupt
    into[taken] = node
  }
  return taken
}

export function popOwned(region: PortableRegion, shard: number, into: Float64Array, count: number): number {
  if (!region.arena.isChecked) return popUnchecked(region, shard, into, count)
  return asOwner(region, region.shards, STOP, () => popListed(region, shard, into, count))
}

function popUnchecked(region: PortableRegion, shard: number, into: Float64Array, count: number): number {
  let link = headOf(region, shard)
  let taken = 0
  for (; taken < count && link > 0; taken++) {
    into[taken] = link - 1
    link = linkOf(region, link - 1)
  }
  if (link < 0) return link
  // If the list goes on after as many nodes as the region has, its links form a circle.
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

/** Holds the node of an operation on a single node. */
const one = new Float64Array(1)

function listPush(handle: Handle, node: number): Status {
  const region = handle as PortableRegion
  if (node >= region.arena.units) return Status.outOfRange
  one[0] = node
  const shard = ownShard(region)
  const answer = asOwner(region, shard, STOP, () => pushOwned(region, shard, one, 1))
  return answer < 0 ? (-answer as Status) : Status.ok
}

/** Pops a node into `one`. Looks at the head first, so that an empty list costs no lock. */
function popLocked(region: PortableRegion, shard: number): number {
  const head = headOf(region, shard)
  return head > 0 ? asOwner(region, shard, STOP, () => popOwned(region, shard, one, 1)) : head
}

function listPop(handle: Handle): number {
  const region = handle as PortableRegion
  const own = ownShard(region)
  let answer = popLocked(region, own)
  if (answer === 0 && own !== region.shards) answer = popLocked(region, region.shards)
  if (answer === 1) return one[0] as number
  return answer === 0 ? -Status.empty : answer
}

export const listOperations: Pick<Operations, 'listPush' | 'listTryPush' | 'listPop' | 'listTryPop'> = {
  listPush,
  listTryPush: listPush,
  listPop,
  listTryPop: listPop,
}
