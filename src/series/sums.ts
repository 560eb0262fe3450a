/**
 * The sums of the counters of a region in a file.
 *
 * @module
 */
import { Element, Kind } from '../core/layout.js'
import { type RegionView, Unreadable, eachCounter } from '../inspect/index.js'

const WORD = 8
/** The most shards whose parts are kept. */
const MOST_SHARDS = 1024

function doubleAt(view: DataView, word: number): number {
  return view.getFloat64(WORD * word, true)
}

function integerAt(view: DataView, word: number): number {
  return view.getInt32(WORD * word + 4, true) * 2 ** 32 + view.getUint32(WORD * word, true)
}

/** The counters of a region, by their numbers. */
export interface Sums {
  readonly totals: Float64Array
  /** The part of each shard, the overflow shard last; empty unless it was asked for. */
  readonly shards: readonly Float64Array[]
}

/**
 * Returns the part of a shard, `shards` for the overflow shard, whose part is the last one. Files have different numbers of
 * shards: undefined if this one has not allocated the shard.
 */
export function partOf<Part>(parts: readonly Part[], shard: number, shards: number): Part | undefined {
  if (shard === shards) return parts.at(-1)
  return shard < parts.length - 1 ? parts[shard] : undefined
}

/**
 * Reads all counters of a region. O(length × allocated shards).
 *
 * @param length - how many counters the region must have.
 * @param byShard - whether the parts of the shards are wanted.
 * @throws Unreadable if it is another region.
 */
export function sumsOf(region: RegionView, element: Element, length: number, byShard: boolean): Sums {
  if (region.kind !== Kind.counters || region.element !== element || region.length !== length)
    throw new Unreadable('has a region that does not fit its header: it was overwritten')
  const totals = new Float64Array(length)
  const isKept = byShard && region.allocated < MOST_SHARDS
  const shards = Array.from({ length: isKept ? region.allocated + 1 : 0 }, () => new Float64Array(length))
  const valueAt = element === Element.f64 ? doubleAt : integerAt
  eachCounter(region, valueAt, (shard, i, value) => {
    if (value === 0) return
    const ofShard = shards[shard]
    if (ofShard !== undefined) ofShard[i] = value
    totals[i] = (totals[i] as number) + value
  })
  return { totals, shards }
}
