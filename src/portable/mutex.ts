/**
 * A mutex by `Atomics`: the same words as `native/percpu/mutex.h`, so that both backends' threads may share
 * one. A thread here can wake waiters in JavaScript only; those that sleep natively look every
 * {@link MUTEX_SLICE_MS}, and so does this one where a native thread cannot wake it.
 *
 * @module
 */
import { existsSync, readlinkSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import type { OpenMutex } from '../backend.js'
import {
  Kind,
  MUTEX_LENGTH,
  MUTEX_NAMELESS,
  MUTEX_NAMELESS_COUNT,
  MUTEX_SLICE_MS,
  MutexState,
  MutexWord,
  RegionError,
  Status,
} from '../layout.js'
import type { Handle } from '../operations.js'
import { openRegion } from './region.js'

/** Looks at a taken mutex before sleeping: some microseconds. */
const SPINS = 200

/** One thread's way to a mutex. */
interface Seat {
  readonly words: Int32Array
  isHeld: boolean
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
    return MUTEX_NAMELESS + (threadId % MUTEX_NAMELESS_COUNT)
  }
}

const self = ownId()

/** Whether the process has a thread of that id; also where nobody can tell. */
function isAlive(id: number): boolean {
  const isNameless = id >= MUTEX_NAMELESS && id < MUTEX_NAMELESS + MUTEX_NAMELESS_COUNT
  return isNameless || self >= MUTEX_NAMELESS || existsSync(`/proc/self/task/${id}`)
}

/** What this thread has, for its end: only a Worker that is terminated gets no chance to give it back. */
const held = new Set<Seat>()
process.once('exit', () => {
  for (const { words } of held) {
    Atomics.store(words, MutexWord.state, MutexState.ownerDied)
    Atomics.add(words, MutexWord.calls, 1)
    Atomics.notify(words, MutexWord.calls, 1)
  }
})

/** Takes the mutex from `seen`, if it is that still. */
function take(seat: Seat, seen: number): boolean {
  if (Atomics.compareExchange(seat.words, MutexWord.state, seen, self) !== seen) return false
  seat.isHeld = true
  held.add(seat)
  return true
}

export function mutexTryLock(mutex: Handle): Status {
  const seat = mutex as Seat
  if (take(seat, MutexState.free)) return Status.ok
  if (take(seat, MutexState.ownerDied)) return Status.ownerDied
  return Atomics.load(seat.words, MutexWord.state) === self ? Status.heldAlready : Status.busy
}

export function mutexUnlock(mutex: Handle): Status {
  const seat = mutex as Seat
  if (!seat.isHeld) return Status.notOwner
  seat.isHeld = false
  held.delete(seat)
  Atomics.store(seat.words, MutexWord.state, MutexState.free)
  return Atomics.load(seat.words, MutexWord.callers) !== 0 ? Status.call : Status.ok
}

function isFree(words: Int32Array): boolean {
  const state = Atomics.load(words, MutexWord.state)
  return state === MutexState.free || state === MutexState.ownerDied
}

/** Takes the mutex from an owner that is no thread any more. */
function takeFromTheDead(seat: Seat): Status {
  const seen = Atomics.load(seat.words, MutexWord.state)
  const isOwned = seen !== MutexState.free && seen !== MutexState.ownerDied
  return isOwned && !isAlive(seen) && take(seat, seen) ? Status.ownerDied : Status.busy
}

export function mutexWait(mutex: Handle, milliseconds: number): Status {
  const seat = mutex as Seat
  const { words } = seat
  for (let spin = 0; spin < SPINS && !isFree(words); spin++);
  const deadline = performance.now() + Math.min(milliseconds, MUTEX_SLICE_MS)
  mutexCallMe(mutex, true)
  try {
    for (;;) {
      const calls = Atomics.load(words, MutexWord.calls)
      const status = mutexTryLock(mutex)
      if (status !== Status.busy) return status
      const left = deadline - performance.now()
      if (left <= 0) return takeFromTheDead(seat)
      Atomics.wait(words, MutexWord.calls, calls, left)
    }
  } finally {
    mutexCallMe(mutex, false)
  }
}

/** A thread that is terminated while it waits stays counted in: unlocking then costs a needless call. */
export function mutexCallMe(mutex: Handle, isIn: boolean): void {
  Atomics.add((mutex as Seat).words, MutexWord.callers, isIn ? 1 : -1)
}

/** The open mutex, or a RegionError. */
export function openMutex(bytes: Uint8Array): OpenMutex | RegionError {
  const region = openRegion(bytes, Kind.mutex)
  if (typeof region === 'number') return region
  if (region.length < MUTEX_LENGTH) return RegionError.geometry
  const words = new Int32Array(region.words.buffer, region.words.byteOffset, 2 * MUTEX_LENGTH)
  const seat: Seat = { words, isHeld: false }
  return { handle: seat, words, keeper: seat }
}
