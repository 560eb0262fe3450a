/**
 * The operations on rings that are not hot: whatever reads. Every backend has all of them.
 *
 * They answer a count, or a {@link Status} below 0. A shard is a CPU's, or the overflow shard after the last.
 *
 * @module
 */
import type { Handle } from './operations.js'

export interface RingOperations {
  /** Makes this thread the reader. */
  claim(handle: Handle): number
  release(handle: Handle): number
  /**
   * Copies the oldest unread records of a shard, as many as fit, as the reader: how many bytes. Each record has 16 bytes
   * before its own: 2 of its length, 2 of the CPU, 4 of the thread, 8 of nanoseconds; and is padded to a multiple
   * of 8. They stay in the ring until they are freed.
   */
  read(handle: Handle, shard: number, into: Uint8Array): number
  /** Gives the room of the oldest records back, as the reader: their bytes in the ring, frames included. */
  free(handle: Handle, shard: number, bytes: number): number
  /** Copies the youngest records of a shard in the same way; `into` has the ring's capacity. */
  snapshot(handle: Handle, shard: number, into: Uint8Array): number
  /** Bytes of a shard that are not read yet, frames included. */
  unread(handle: Handle, shard: number): number
  /** Records that found no room in a shard. */
  dropped(handle: Handle, shard: number): number
  /** All threads execute a full fence, where there is a way. */
  barrier(): void
}
