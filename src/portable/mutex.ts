/**
 * A mutex that uses `Atomics` on the words of `native/percpu/lock_words.h`, so that threads of both backends can share it. A
 * portable thread can wake only waiters that sleep in `Atomics.wait`. A native waiter looks at the mutex every
 * {@link LOCK_SLICE_MS} milliseconds, and so does a portable one, because a native thread may be unable to wake it.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'
import type { OpenMutex } from '../core/contract.js'
import { Kind, LOCK_LENGTH, LOCK_SLICE_MS, LockState, LockWord, RegionError, Status } from '../core/layout.js'
import type { Handle } from '../core/operations.js'
import { ownerWord, readOwner } from '../core/owner.js'
import { type PortableRegion, openRegion } from './region.js'
import { isOwnerAlive, portableThread } from './threads.js'

/** How often a thread looks at a taken mutex before it sleeps; this takes some microseconds. */
const SPINS = 200

/** A lock as one thread has it open. */
export interface Seat {
  readonly words: Int32Array
  isHeld: boolean
}

/** Opens the lock in a shard of a region for the calling thread. */
export function seatAt(region: PortableRegion, shard: number): Seat {
  self = portableThread()
  const { buffer, byteOffset } = region.words
  const words = new Int32Array(buffer, byteOffset + 8 * shard * region.strideWords, 2 * LOCK_LENGTH)
  return { words, isHeld: false }
}

/**
 * The lower half of a lock's state while this thread has the lock. The upper half is then 0, so that locking and unlocking
 * are operations on 32 bits.
 */
let self = 0

/** The locks that this thread has, to be released when it exits. A Worker that is terminated runs no exit handler. */
const held = new Set<Seat>()
process.once('exit', () => {
  for (const { words } of held) {
    if (Atomics.compareExchange(words, LockWord.state, self, LockState.ownerDied) !== self) continue
    Atomics.add(words, LockWord.calls, 1)
    Atomics.notify(words, LockWord.calls, 1)
  }
})

/** Keeps the locks of a handle that is being closed taken until this thread ends: copies their seats, as the handle throws. */
export function keepHeld(handle: object): void {
  const seats = 'all' in handle ? (handle.all as Seat[]) : [handle as Seat]
  for (const seat of seats) if (held.delete(seat)) held.add({ ...seat })
}

function note(seat: Seat): void {
  seat.isHeld = true
  held.add(seat)
}

/** Writes this thread into both halves of the state if they still are `low` and `high`. */
function takeWhole(words: Int32Array, low: number, high: number): boolean {
  const whole = new BigInt64Array(words.buffer, words.byteOffset, 1)
  const seen = BigInt.asIntN(64, ownerWord(low, high))
  return Atomics.compareExchange(whole, 0, seen, ownerWord(self, 0)) === seen
}

/** Takes the mutex if the lower half of its state still is `seen`. */
function take(seat: Seat, seen: number): boolean {
  const { words } = seat
  if (Atomics.compareExchange(words, LockWord.state, seen, self) !== seen) return false
  const high = Atomics.load(words, LockWord.stateHigh)
  // Something has overwritten the upper half. Clear it, because the word would name another owner with it.
  if (high !== 0 && !takeWhole(words, self, high)) return false
  note(seat)
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
  const { words } = seat
  const isCalling = Atomics.load(words, LockWord.callers) !== 0
  return isCalling && Atomics.exchange(words, LockWord.callers, 0) !== 0 ? Status.call : Status.ok
}

function isFree(words: Int32Array): boolean {
  const state = Atomics.load(words, LockWord.state)
  return state === LockState.free || state === LockState.ownerDied
}

/** Takes the mutex from an owner that has ended. */
function takeFromTheDead(seat: Seat): Status {
  const { words } = seat
  const low = Atomics.load(words, LockWord.state)
  const high = Atomics.load(words, LockWord.stateHigh)
  if (high === 0 && (low === LockState.free || low === LockState.ownerDied)) return Status.busy
  if (isOwnerAlive(readOwner(low, high)) !== false) return Status.busy
  if (!takeWhole(words, low, high)) return Status.busy
  note(seat)
  return Status.ownerDied
}

export function mutexWait(mutex: Handle, milliseconds: number): Status {
  const seat = mutex as Seat
  const { words } = seat
  for (let spin = 0; spin < SPINS && !isFree(words); spin++);
  const deadline = performance.now() + Math.min(milliseconds, LOCK_SLICE_MS)
  for (;;) {
    const calls = Atomics.load(words, LockWord.calls)
    mutexAnnounce(mutex)
    const status = mutexTryLock(mutex)
    if (status !== Status.busy) return status
    const left = deadline - performance.now()
    if (left <= 0) return takeFromTheDead(seat)
    Atomics.wait(words, LockWord.calls, calls, left)
  }
}

/** Announces a waiter. An unlock takes that back: after a thread was terminated while it waited, one unlock makes a needless call. */
export function mutexAnnounce(mutex: Handle): void {
  Atomics.store((mutex as Seat).words, LockWord.callers, 1)
}

/** The open mutex, or a RegionError. */
export function openMutex(bytes: Uint8Array): OpenMutex | RegionError {
  const region = openRegion(bytes, Kind.mutex)
  if (typeof region === 'number') return region
  if (region.length < LOCK_LENGTH) return RegionError.geometry
  const seat = seatAt(region, 0)
  return { handle: seat, words: seat.words, isShared: false, keeper: seat }
}
