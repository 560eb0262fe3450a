/**
 * The memory of a counter with a tree: a header, and behind it a region of counters. `native/percpu/counter_tree.h` draws
 * the region.
 *
 * @module
 */
import { COUNTER_TREE_MAGIC } from './layout.js'

/** The version of this layout. */
export const COUNTER_TREE_VERSION = 1
/** Bytes of the header, which is in front of the region; {@link CounterTreeHeader} names its words. */
export const COUNTER_TREE_HEADER_BYTES = 128
/** Positions of the header's words of 32 bits. `step` is how far a shard counts before it carries. */
export const CounterTreeHeader = { magic: 0, version: 1, step: 2 } as const
/** Positions of a shard's words. The group's sum is in the first shard of a group, the top in the overflow shard. */
export const TreeWord = { total: 0, leaf: 8, group: 9, top: 10 } as const
/** Words of a shard. */
export const TREE_LENGTH = 11
/** The shards of a group. The overflow shard is in no group. */
export const TREE_GROUP_SHARDS = 32
/** In each shard, the tree may be wrong by less than so many steps. */
export const TREE_LATE_STEPS = 3
/** The least and the greatest step. With the least one, a node counts as far as a double counts exactly. */
export const LEAST_STEP = 64
export const MOST_STEP = 2 ** 31 - 1

/** Writes the header into zeroed bytes. */
export function writeCounterTreeHeader(buffer: SharedArrayBuffer, step: number): void {
  const header = new Uint32Array(buffer, 0, COUNTER_TREE_HEADER_BYTES / Uint32Array.BYTES_PER_ELEMENT)
  header[CounterTreeHeader.magic] = COUNTER_TREE_MAGIC
  header[CounterTreeHeader.version] = COUNTER_TREE_VERSION
  header[CounterTreeHeader.step] = step
}

/**
 * Reads a header, each word once.
 *
 * @returns the step; or what is wrong with the header, to follow "this buffer"; undefined if it is no header of a tree.
 */
export function readCounterTreeHeader(buffer: SharedArrayBuffer): number | string | undefined {
  if (buffer.byteLength <= COUNTER_TREE_HEADER_BYTES) return 'is too short'
  const header = new Uint32Array(buffer, 0, COUNTER_TREE_HEADER_BYTES / Uint32Array.BYTES_PER_ELEMENT).slice()
  if (header[CounterTreeHeader.magic] !== COUNTER_TREE_MAGIC) return undefined
  if (header[CounterTreeHeader.version] !== COUNTER_TREE_VERSION) return 'was made by another version of it'
  const step = header[CounterTreeHeader.step] as number
  return step >= LEAST_STEP && step <= MOST_STEP ? step : 'was overwritten (its step is out of range)'
}
