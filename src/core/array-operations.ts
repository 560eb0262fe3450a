/**
 * The operations on arrays of words that are not hot. Every backend has all of them. Shard numbers are CPU numbers; the
 * number after the last CPU is the overflow shard.
 *
 * @module
 */
import type { Handle } from './operations.js'

export interface ArrayOperations {
  /** A word as a number; null if the element's type does not allow the bits of the word. */
  get(array: Handle, shard: number, i: number): number | null
  /** A word of an i64 or i32 array, exactly; null if the element's type does not allow its bits. */
  bigint(array: Handle, shard: number, i: number): bigint | null
  /** Makes this thread the shard's owner. Answers 0 or -{@link Status}. */
  stop(array: Handle, shard: number): number
  /** Ends this thread's ownership of the shard. Answers 0 or -{@link Status}. */
  resume(array: Handle, shard: number): number
  /**
   * Runs a vector of `count` operations, encoded by opv.ts. Answers `count`, or the position of the comparison that
   * failed, or -{@link Status}.
   */
  opv(array: Handle, shard: number, operations: Uint8Array, count: number): number
}
