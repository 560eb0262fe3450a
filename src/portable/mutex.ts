/**
 * A mutex by `Atomics`: the same words as `native/percpu/lock_words.h`, so that both backends' threads may share
 * one. A thread here can wake waiters in JavaScript only; those that sleep natively look every
 * {@link LOCK_SLICE_MS}, and so does this one where a native thread cannot wake it.
 *
 * @module
 */
import { existsSync, readlinkSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import type { OpenMutex } from '../backend.js'
import {
  Kind,
  LOCK_LENGTH,
  LOCK_NAMELESS,
  LOCK_NAMELESS_COUNT,
  LOCK_SLICE_MS,
  LockState,
  LockWord,
  RegionError,
  Status,
} from '../layout.js'
import type { Handle } from '../operations.js'
import { type PortableRegion, openRegion } from './region.js'

/** Looks at a taken mutex before sleeping: some microseconds. */
const SPINS = 200

/** One thread's way to a lock. */
export interface Seat {
  readonly words: Int32Array
  isHeld: boolean
}

/** A seat at the lock in a shard of a region. */
export function seatAt(region: PortableRegion, shard: number): Seat {
  const { buffer, byteOffset } = region.words
  const words = new Int32Array(buffer, byteOffset + 8 * shard * region.strideWords, 2 * LOCK_LENGTH)
  return { words, isHeld: false }
}

/**
 * What the calling thread calls itself in the words: on Linux its id there, so that others can ask the system
 * whether it lives. Elsewhere a terminated Worker's mutex stays locked: nobody can tell.
 */
function ownId(): number {
  try {
    const task = readlinkSync('/proc/thread-self')
    return Number(task.slice(task.lastIndexOf('/') + 1))
  } catch {
    return LOCK_NAMELESS + (threadId % LOCK_NAMELESS_COUNT)
  }
}

const self = ownId()

/** Whether the process has a thread of that id; also where nobody can tell. */
function isAlive(id: number): boolean {
  const isNameless = id >= LOCK_NAMELESS && id < LOCK_NAMELESS + LOCK_NAMELESS_COUNT
  return isNameless || self >= LOCK_NAMELESS || existsSync(`/proc/self/task/${id}`)
}

/** What this thread has, for its end: only a Worker that is terminated gets no chance to give it back. */
const held = new Set<Seat>()
process.once('exit', () => {
  for (const { words } of held) {
    Atomics.store(words, LockWord.state, LockState.ownerDied)
    Atomics.add(words, LockWord.calls, 1)
    Atomics.notify(words, LockWord.calls, 1)
  }
})

/** Takes the mutex from `seen`, if it is that still. */
function take(seat: Seat, seen: number): boolean {
  if (Atomics.compareExchange(seat.words, LockWord.state, seen, self) !== seen) return false
  seat.isHeld = true
  held.add(seat)
  return true
}

export function mutexTryLock(mutex: Handle): Status {
  const seat = mutex as Seat
  if (take(seat, LockState.free)) return Status.ok
  if (take(seat, LockState.ownerDied)) return Status.ownerDied
  return Atomics.load(seat.words, LockWord.state) === self ? Status.heldAlready : Status.busy
}

export function mutexUnlock(mutex: Handle): Status {
  const seat = mutex as Seat
  if (!seat.isHeld) return Status.notOwner
  seat.isHeld = false
  held.delete(seat)
  Atomics.store(seat.words, LockWord.state, LockState.free)
  return Atomics.load(seat.words, LockWord.callers) !== 0 ? Status.call : Status.ok
}

function isFree(words: Int32Array): boolean {
  const state = Atomics.load(words, LockWord.state)
  return state === LockState.free || state === LockState.ownerDied
}

/** Takes the mutex from an owner that is no thread any more. */
function takeFromTheDead(seat: Seat): Status {
  const seen = Atomics.load(seat.words, LockWord.state)
  const isOwned = seen !== LockState.free && seen !== LockState.ownerDied
  return isOwned && !isAlive(seen) && take(seat, seen) ? Status.ownerDied : Status.busy
}

export function mutexWait(mutex: Handle, milliseconds: number): Status {
  const seat = mutex as Seat
  const { words } = seat
  for (let spin = 0; spin < SPINS && !isFree(words); spin++);
  const deadline = performance.now() + Math.min(milliseconds, LOCK_SLICE_MS)
  mutexCallMe(mutex, true)
  try {
    for (;;) {
      const calls = Atomics.load(words, LockWord.calls)
      const status = mutexTryLock(mutex)
      if (status !== Status.busy) return status
      const left = deadline - performance.now()
      if (left <= 0) return takeFromTheDead(seat)
      Atomics.wait(words, LockWord.calls, calls, left)
    }
  } finally {
    mutexCallMe(mutex, false)
  }
}

/** A thread that is terminated while it waits stays counted in: unlocking then costs a needless call. */
export function mutexCallMe(mutex: Handle, isIn: boolean): void {
  Atomics.add((mutex as Seat).words, LockWord.callers, isIn ? 1 : -1)
}

/** The open mutex, or a RegionError. */
export function openMutex(bytes: Uint8Array): OpenMutex | RegionError {
  const region = openRegion(bytes, Kind.mutex)
  if (typeof region === 'number') return region
  if (region.length < LOCK_LENGTH) return RegionError.geometry
  const seat = seatAt(region, 0)
  return { handle: seat, words: seat.words, keeper: seat }
}
