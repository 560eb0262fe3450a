/**
 * The operations on rings that are not hot: reading, and writing long records. Every backend has all of them.
 *
 * They answer a count, or -{@link Status}. Shard numbers are CPU numbers; the number after the last CPU is the overflow
 * shard.
 *
 * @module
 */
import type { Handle } from './operations.js'

export interface RingOperations {
  /** Makes this thread the reader. */
  claim(handle: Handle): number
  /** Ends this thread's turn as the reader. */
  release(handle: Handle): number
  /**
   * Copies the oldest unread records of a shard, as many as fit, and answers the number of bytes. The calling thread must be
   * the reader. Each copied record begins with a head of 16 bytes (length: 2, CPU: 2, thread and {@link RecordBit}s: 4,
   * nanoseconds: 8) and is padded to a multiple of 8. The records stay in the ring until {@link free}.
   */
  read(handle: Handle, shard: number, into: Uint8Array): number
  /**
   * Writes the first `length` bytes of `scratch` as a record. Unlike `ringWrite`, it takes any scratch, and it waits if the
   * shard is stopped. Answers 0 or -{@link Status}.
   */
  writeFrom(handle: Handle, scratch: Uint8Array, length: number, isTruncated: boolean): number
  /** Counts a record as dropped without writing it. */
  drop(handle: Handle): number
  /** Frees the oldest `bytes` of a shard, frames included. The calling thread must be the reader. */
  free(handle: Handle, shard: number, bytes: number): number
  /** Copies the youngest records of a shard in the format of {@link read}. `into` must have the ring's capacity. */
  snapshot(handle: Handle, shard: number, into: Uint8Array): number
  /** Unread bytes of a shard, frames included. */
  unread(handle: Handle, shard: number): number
  /** Number of records that a shard has dropped. */
  dropped(handle: Handle, shard: number): number
  /** Makes all threads of the process execute a full memory barrier, if the kernel offers one. */
  barrier(): void
}
