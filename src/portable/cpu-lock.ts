/**
 * A lock for each shard by `Atomics`: the twin of `native/percpu/cpu_lock.h`. A thread's own number stands for
 * the CPU, so several threads may share one and still are one at a time.
 *
 * @module
 */
import type { OpenCpuLock } from '../backend.js'
import { Index, Kind, LAST_OWNER_DIED, LOCK_LENGTH, RegionError, Status } from '../layout.js'
import type { Handle } from '../operations.js'
import { type Seat, mutexTryLock, mutexUnlock, mutexWait, seatAt } from './mutex.js'
import { openRegion, ownShard } from './region.js'

/** One thread's way to the locks of all shards. */
interface Seats {
  readonly all: readonly Seat[]
  /** Of the shard that this thread locks. */
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
    keeper: seats,
  }
}
