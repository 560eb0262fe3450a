/**
 * The operations on arrays of words that are not hot. Every backend has all of them. A shard is a CPU's, or the overflow
 * shard after the last.
 *
 * @module
 */
import type { Handle } from './operations.js'

export interface ArrayOperations {
  /** A word as a number; null if it is none that its element can be. */
  get(array: Handle, shard: number, i: number): number | null
  /** The same of whole numbers, exactly. */
  bigint(array: Handle, shard: number, i: number): bigint | null
  /** Makes this thread the shard's owner. This and the next answer 0, or a Status below 0. */
  stop(array: Handle, shard: number): number
  resume(array: Handle, shard: number): number
  /**
   * Runs a vector of `count` operations, encoded by opv.ts. Answers `count`, or the number of the one whose comparison
   * failed, or a Status below 0.
   */
  opv(array: Handle, shard: number, operations: Uint8Array, count: number): number
}
