/**
 * The operations on stacks that take arrays, or another CPU. Every backend has all of them.
 *
 * They answer a count, or a {@link Status} below 0. A shard is a CPU's, or the overflow shard after the last.
 *
 * @module
 */
import type { Handle } from './operations.js'

export interface StackOperations {
  /** Pushes values[0] first, as many of `count` as there is room for. */
  pushMany(handle: Handle, values: Float64Array, count: number): number
  /** Pops up to `count`, last pushed first. */
  popMany(handle: Handle, into: Float64Array, count: number): number
  /** How many values a shard has. */
  size(handle: Handle, shard: number): number
  /** Makes this thread the shard's owner. */
  stop(handle: Handle, shard: number): number
  resume(handle: Handle, shard: number): number
  /** As pushMany, on a shard that this thread owns: by {@link stop} if `owned`, else for this alone. */
  give(handle: Handle, shard: number, values: Float64Array, count: number, owned: boolean): number
  /** As popMany, on a shard that this thread owns. */
  take(handle: Handle, shard: number, into: Float64Array, count: number, owned: boolean): number
}
