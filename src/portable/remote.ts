/**
 * The operations on stacks and lists that take an array of values or the number of a CPU.
 *
 * @module
 */
import { Kind, Status } from '../core/layout.js'
import type { StackOperations } from '../core/stack-operations.js'
import * as lists from './list.js'
import { ownsShard, resumeShard, stopShard } from './ownership.js'
import type { PortableRegion } from './region.js'
import * as ofStacks from './stack.js'

const STOP = 1

/** Moves numbers into or out of a shard that this thread owns. Returns how many it moved, or a negated {@link Status}. */
type Act = (region: PortableRegion, shard: number, values: Float64Array, count: number) => number

/** Makes an operation that acts on a shard as its owner: of a shard that is stopped already, or that it stops meanwhile. */
function remote(onStack: Act, onList: Act): StackOperations['pushOwned'] {
  return (handle, shard, values, count, owned) => {
    const region = handle as PortableRegion
    if (shard > region.shards) return -Status.outOfRange
    if (!owned) {
      const status = stopShard(region, shard, STOP)
      if (status !== Status.ok) return -status
    } else if (!ownsShard(region, shard, STOP)) {
      return -Status.notOwner
    }
    const act = region.kind === Kind.list ? onList : onStack
    const answer = act(region, shard, values, count)
    if (!owned) resumeShard(region, shard, STOP)
    return answer
  }
}

function size(handle: unknown, shard: number): number {
  const region = handle as PortableRegion
  return region.kind === Kind.list ? lists.sizeOf(region, shard) : ofStacks.sizeOf(region, shard)
}

export const stacks: StackOperations = {
  pushMany: ofStacks.pushMany,
  popMany: ofStacks.popMany,
  size,
  stop: (handle, shard) => -stopShard(handle as PortableRegion, shard, STOP),
  resume: (handle, shard) => -resumeShard(handle as PortableRegion, shard, STOP),
  pushOwned: remote(ofStacks.pushOwned, lists.pushOwned),
  popOwned: remote(ofStacks.popOwned, lists.popOwned),
  // This backend refuses memory that processes share, and no other memory has notes of holders.
  holder: () => 0,
  adopt: () => Status.ok,
  reclaim: () => 0,
}
