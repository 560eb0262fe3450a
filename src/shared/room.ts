/**
 * Computes how much memory is available for a new file: in its file system, and in the cgroup that pays for its pages.
 *
 * @module
 */
import { statfsSync } from 'node:fs'
import { cgroupRoom } from '../runtime/mapping.js'

/** The limit that a new file would exceed: the size of its file system, or the memory limit of a cgroup. */
export type Limit = 'file system' | 'cgroup'

/** The error for a new object for which there is not enough memory. No file was made. */
export class SharedMemoryFullError extends Error {
  /** Always `SharedMemoryFullError`. */
  override readonly name = 'SharedMemoryFullError'
  /** Always `ENOSPC`, like the code of the system's error. */
  readonly code = 'ENOSPC'
  /** The size of the new file in bytes. */
  readonly asked: number
  /** The number of bytes that are available within the limit. */
  readonly available: number
  /** The limit that the file would exceed. The kernel kills a process that exceeds the memory limit of its cgroup. */
  readonly limit: Limit

  /** @internal */
  constructor(path: string, asked: number, available: number, limit: Limit) {
    super(`rseq: ${path} takes ${asked} bytes, and the ${limit} has ${available} left (ENOSPC)`)
    this.asked = asked
    this.available = available
    this.limit = limit
  }
}

/** Returns the free bytes in the file system of a directory; Infinity if the file system has no limit. */
export function freeBytes(directory: string): number {
  const { bavail, bsize, blocks } = statfsSync(directory)
  return blocks === 0 ? Infinity : bavail * bsize
}

/** @throws SharedMemoryFullError if the file system or the cgroup has fewer than `asked` bytes available. */
export function checkRoom(path: string, directory: string, asked: number): void {
  for (const [limit, available] of [
    ['file system', freeBytes(directory)],
    ['cgroup', cgroupRoom()],
  ] as const) {
    if (asked > available) throw new SharedMemoryFullError(path, asked, available, limit)
  }
}
