// For whoever compiles against the declarations of this module, with a target before that.
/// <reference lib="esnext.disposable" preserve="true" />
import { backend } from './backend.js'
import { OwnerDiedError, checkMilliseconds } from './errors.js'
import { Kind, LOCK_LENGTH, LOCK_SLICE_MS, LockWord, Status } from './layout.js'
import type { Handle } from './operations.js'
import { AdoptedBuffer, OverBuffer, createRegion, openMutex } from './region.js'
import { changed } from './wait-async.js'

const { mutexTryLock, mutexUnlock } = backend.operations

/** A constant of this module: see counters.ts. */
const OK = Status.ok

/** A lock that is held: `using` gives it back at the end of the block, unless that was done before. */
export interface Hold {
  [Symbol.dispose](): void
}

/**
 * A lock across worker threads: one of them has it at a time.
 *
 * A free mutex is taken and given back without a system call. Who finds it taken waits some
 * microseconds, as the owner is likely to be quick, but in a restartable sequence: preempted there, it
 * learns so, and sleeps at once. A thread that ends while it has the mutex, whatever ends it, does
 * not stop the others: the next one gets it with an {@link OwnerDiedError}.
 *
 * It belongs to the thread, and to the object that it was locked by. It is not reentrant, not fair, and for the
 * threads of one process. What an owner wrote before {@link unlock}, the next one sees (acquire and
 * release). 432 bytes.
 *
 * @example
 * ```ts
 * const mutex = new Mutex() // elsewhere Mutex.from(buffer)
 * mutex.lock()
 * try {
 *   table[0]++ // in shared memory, by ordinary code
 * } finally {
 *   mutex.unlock()
 * }
 * // The same in TypeScript, or where JavaScript has it:
 * {
 *   using _ = mutex.lock()
 *   table[0]++
 * }
 * ```
 */
export class Mutex extends OverBuffer {
  readonly #open = openMutex(this.buffer)
  readonly #handle: Handle = this.#open.handle
  /** The same one for every lock: taking a lock allocates nothing. */
  readonly #hold: Hold = {
    [Symbol.dispose]: (): void => {
      this.#afterUnlock(mutexUnlock(this.#handle))
    },
  }

  /** A new mutex, free. */
  constructor(adopted?: undefined) {
    const given: unknown = adopted
    const isAdopted = given instanceof AdoptedBuffer
    super(isAdopted ? given.buffer : createRegion(Kind.mutex, LOCK_LENGTH, 'i64', 'cpu', 1))
  }

  /**
   * Opens the mutex that another thread made. Once in a thread: through each object it is another owner.
   *
   * @param buffer - its {@link buffer}, as received by `workerData` or a message.
   * @throws TypeError if it is no SharedArrayBuffer.
   * @throws RangeError if it is too short, made by another layout version, of another kind, or damaged.
   */
  static from(buffer: SharedArrayBuffer): Mutex {
    return new Mutex(new AdoptedBuffer(buffer) as unknown as undefined)
  }

  /**
   * Takes the mutex, and blocks the thread until it can. A worker that waits can be terminated.
   *
   * @returns for `using`; may be ignored.
   * @throws OwnerDiedError if the last owner ended with it; then this thread has it all the same.
   * @throws Error if this thread has it already: waiting would never end.
   */
  lock(): Hold {
    const status = mutexTryLock(this.#handle)
    if (status !== OK) this.#lockAnyhow(status)
    return this.#hold
  }

  /**
   * Takes the mutex if it is free, or becomes free in time.
   *
   * @param timeoutMs - how long to block the thread, in milliseconds; Infinity for as long as it takes.
   * @returns whether this thread has it now. False at once if it had it before.
   * @throws OwnerDiedError as {@link lock}.
   */
  tryLock(timeoutMs = 0): boolean {
    checkMilliseconds('timeoutMs', timeoutMs)
    const status = mutexTryLock(this.#handle)
    if (status === OK) return true
    if (status === Status.busy && timeoutMs > 0) return this.#wait(timeoutMs) === OK
    return this.#taken(status)
  }

  /**
   * Takes the mutex without blocking the thread: for the main thread, and others with an event loop.
   * Also while this very thread has it, by another task of its own. Keeps the process running.
   *
   * @returns for `using`, when this thread has the mutex.
   * @throws OwnerDiedError, rejecting, as {@link lock}.
   */
  async lockAsync(): Promise<Hold> {
    if (this.#taken(mutexTryLock(this.#handle))) return this.#hold
    const { words } = this.#open
    backend.mutexCallMe(this.#handle, true)
    try {
      for (let isCalled = true; ;) {
        const calls = Atomics.load(words, LockWord.calls)
        // Who is not called looks closer: the owner may have ended without a word.
        const status = isCalled ? mutexTryLock(this.#handle) : backend.mutexWait(this.#handle, 0)
        if (this.#taken(status)) return this.#hold
        isCalled = await changed(words, LockWord.calls, calls)
      }
    } finally {
      backend.mutexCallMe(this.#handle, false)
    }
  }

  /**
   * Gives the mutex back. A system call only if another thread waits.
   *
   * @throws Error if this thread has not locked it by this object.
   */
  unlock(): void {
    const status = mutexUnlock(this.#handle)
    if (status !== OK && !this.#afterUnlock(status)) {
      throw new Error('mutex: expected to be locked by this thread and object before it is unlocked')
    }
  }

  #lockAnyhow(status: Status): void {
    const last = status === Status.busy ? this.#wait(Infinity) : status
    if (last === Status.heldAlready) {
      throw new Error('mutex: this thread has it already; to wait for it again would never end')
    }
    this.#taken(last)
  }

  /** Blocks until the mutex is taken or the time is over; in slices, so that the thread can be terminated. */
  #wait(timeoutMs: number): Status {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const left = Math.max(0, deadline - performance.now())
      const status = backend.mutexWait(this.#handle, Math.ceil(Math.min(left, LOCK_SLICE_MS)))
      if (status === Status.ownerDied) throw new OwnerDiedError('mutex')
      if (status !== Status.busy || left === 0) return status
    }
  }

  /** Whether a try was successful. */
  #taken(status: Status): boolean {
    if (status === Status.ownerDied) throw new OwnerDiedError('mutex')
    return status === OK
  }

  /** Calls who waits in JavaScript. False if there was nothing to unlock. */
  #afterUnlock(status: Status): boolean {
    if (status === Status.call) {
      const { words } = this.#open
      Atomics.add(words, LockWord.calls, 1)
      Atomics.notify(words, LockWord.calls, 1)
    }
    return status !== Status.notOwner
  }
}
