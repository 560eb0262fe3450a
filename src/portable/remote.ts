/**
 * The operations on stacks and lists that take arrays, or another CPU.
 *
 * @module
 */
import { Kind, Status } from '../layout.js'
import type { StackOperations } from '../stack-operations.js'
import * as lists from './lists.js'
import { ownsShard, resumeShard, stopShard } from './ownership.js'
import type { PortableRegion } from './region.js'
import * as ofStacks from './stacks.js'

const STOP = 1

/** Puts numbers into a shard that is this thread's alone, or takes them out; answers how many, or -{@link Status}. */
type Act = (region: PortableRegion, shard: number, values: Float64Array, count: number) => number

/** What an owner may do: of a shard that it stopped, or that it stops for this. */
function remote(onStack: Act, onList: Act): StackOperations['give'] {
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
  give: remote(ofStacks.give, lists.give),
  take: remote(ofStacks.take, lists.take),
}
