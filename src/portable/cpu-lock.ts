/**
 * Per-CPU locks that use `Atomics`, like `native/percpu/cpu_lock.h`. Each thread uses the lock of a fixed shard instead of
 * that of its CPU. Threads that have a shard in common exclude each other.
 *
 * @module
 */
import type { OpenCpuLock } from '../core/contract.js'
import { Index, Kind, LAST_OWNER_DIED, LOCK_LENGTH, RegionError, Status } from '../core/layout.js'
import type { Handle } from '../core/operations.js'
import { type Seat, mutexTryLock, mutexUnlock, mutexWait, seatAt } from './mutex.js'
import { openRegion, ownShard } from './region.js'

/** The open locks of one thread: a seat at the lock of every shard. */
interface Seats {
  readonly all: readonly Seat[]
  /** The number of the shard whose lock this thread takes. */
  readonly own: number
}

function answer(status: Status, shard: number): number {
  if (status === Status.ok) return shard
  return status === Status.ownerDied ? shard + LAST_OWNER_DIED : -status
}

export function cpuLockTry(locks: Handle): number {
  const { all, own } = locks as Seats
  return answer(mutexTryLock(all[own]), own)
}

export function cpuLockWait(locks: Handle, milliseconds: number): number {
  const { all, own } = locks as Seats
  return answer(mutexWait(all[own], milliseconds), own)
}

export function cpuLockUnlock(locks: Handle, shard: number): Status {
  const seat = (locks as Seats).all[shard]
  return seat === undefined ? Status.outOfRange : mutexUnlock(seat)
}

/** The open locks, or a RegionError. */
export function openCpuLock(bytes: Uint8Array): OpenCpuLock | RegionError {
  const region = openRegion(bytes, Kind.cpuLock)
  if (typeof region === 'number') return region
  if (region.length < LOCK_LENGTH || region.index !== Index.cpu) return RegionError.geometry
  const { buffer, byteOffset, length } = region.words
  const seats: Seats = {
    all: Array.from({ length: region.shards + 1 }, (_, shard) => seatAt(region, shard)),
    own: ownShard(region),
  }
  return {
    handle: seats,
    words: new Int32Array(buffer, byteOffset, 2 * length),
    shards: region.shards,
    stride: 2 * region.strideWords,
    isShared: false,
    keeper: seats,
  }
}
