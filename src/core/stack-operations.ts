/**
 * The operations on stacks and lists that take arrays or use another CPU's shard. Every backend has all of them.
 *
 * They answer a count, or -{@link Status}. Shard numbers are CPU numbers; the number after the last CPU is the overflow
 * shard.
 *
 * @module
 */
import type { Handle } from './operations.js'

export interface StackOperations {
  /** Pushes values[0], values[1] and so on, at most `count`, until the stack is full. */
  pushMany(handle: Handle, values: Float64Array, count: number): number
  /** Pops at most `count` values, the last pushed first. */
  popMany(handle: Handle, into: Float64Array, count: number): number
  /** Number of values on a shard. */
  size(handle: Handle, shard: number): number
  /** Makes this thread the shard's owner. */
  stop(handle: Handle, shard: number): number
  /** Ends this thread's ownership of the shard. */
  resume(handle: Handle, shard: number): number
  /** Like pushMany, on the shard of any CPU. If `owned`, this thread has stopped the shard; else the call stops it itself. */
  pushOwned(handle: Handle, shard: number, values: Float64Array, count: number, owned: boolean): number
  /** Like popMany, on the shard of any CPU; `owned` as for {@link pushOwned}. */
  popOwned(handle: Handle, shard: number, into: Float64Array, count: number, owned: boolean): number
  /** Of lists and pools: the number by which a unit names the process that took it last. 0: none, or this memory has none. */
  holder(handle: Handle, unit: number): number
  /** Of lists and pools: makes this process the holder of a unit, if its holder is still the given one; else `notOwner`. */
  adopt(handle: Handle, unit: number, holder: number): number
  /** Of lists and pools: gives back the units that dead processes held, and answers how many. */
  reclaim(handle: Handle): number
}
