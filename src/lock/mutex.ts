// For programs that compile against these declarations with a target older than esnext.disposable.
/// <reference lib="esnext.disposable" preserve="true" />
import { performance } from 'node:perf_hooks'
import { summary } from '../core/describe.js'
import { checkOpen, own } from '../runtime/disposal.js'
import { backend } from '../runtime/backend.js'
import { OwnerDiedError, checkMilliseconds, disposedError, typeError } from '../core/errors.js'
import { Kind, LOCK_LENGTH, LOCK_SLICE_MS, Status } from '../core/layout.js'
import type { Handle } from '../core/operations.js'
import {
  AdoptedBuffer,
  RegionHolder,
  bufferFor,
  checkNoArgument,
  createRegion,
  openMutex,
} from '../runtime/region.js'
import { LongWait, holderOf, lockState } from './long-wait.js'
import {
  type CheckedLockOptions,
  type LockOptions,
  MutexQueue,
  callWaiter,
  checkLockOptions,
} from './mutex-queue.js'

const { mutexTryLock, mutexUnlock } = backend.operations

/** A constant of this module: see counters.ts. */
const OK = Status.ok

/** The options of a wait that only the mutex ends. */
const NO_LIMIT: CheckedLockOptions = { signal: undefined, timeout: Infinity }

/**
 * A lock that this thread has, for `using`. Each hold belongs to one taking of the lock: after the lock was given back in any
 * way, disposing of the hold does nothing.
 */
export interface Hold {
  /** Gives the lock back, unless that was done before. `using` calls it at the end of the block. */
  [Symbol.dispose](): void
}

/** The implementation of a hold. It is a class because an object with a closure would cost more than taking the lock. */
class Taken implements Hold {
  readonly #giveBack: (turn: number) => void
  readonly #turn: number

  /** @param giveBack - gives the lock back, unless the lock was given back after `turn` began. */
  constructor(giveBack: (turn: number) => void, turn: number) {
    this.#giveBack = giveBack
    this.#turn = turn
  }

  [Symbol.dispose](): void {
    this.#giveBack(this.#turn)
  }
}

/**
 * A lock that at most one of the worker threads has at a time.
 *
 * Taking and giving back a free mutex needs no system call. A thread that finds the mutex taken first spins for some
 * microseconds, inside a restartable sequence: if it is preempted, the section aborts, and the thread sleeps at once. If a
 * thread ends for any reason while it has the mutex, the next thread gets the mutex with an {@link OwnerDiedError}.
 *
 * A mutex belongs to the thread and to the object that locked it. It is not reentrant and not fair. It works within one
 * process; one that several processes have comes from `rseq/shared`.
 * The next owner sees what an owner wrote before {@link unlock} (acquire and release). Memory: 432 bytes.
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
 * // With `using`, in TypeScript or a JavaScript engine that supports it:
 * {
 *   using _ = mutex.lock()
 *   table[0]++
 * }
 * ```
 */
export class Mutex extends RegionHolder {
  readonly #open = own(this, openMutex(this.buffer))
  readonly #handle: Handle = this.#open.handle
  readonly #queue = new MutexQueue(this.#open)
  /** How often this object has given the mutex back. Each hold keeps the number that was current when it was made. */
  #releases = 0
  /** How many calls of {@link runExclusive} have the mutex, or had it when their function began. */
  #runs = 0
  /** Whether the object was disposed of during such a call: the last one closes it. */
  #isClosing = false
  readonly #giveBack = (turn: number): void => {
    if (this.#releases === turn) this.#afterUnlock(mutexUnlock(this.#handle))
  }

  /** Makes a mutex that is free. */
  constructor(adopted?: undefined) {
    super(
      bufferFor('Mutex', [adopted], () => {
        checkNoArgument('Mutex', adopted)
        return createRegion(Kind.mutex, LOCK_LENGTH, 'i64', 'cpu', 1)
      }),
    )
  }

  /**
   * Opens a mutex that another thread made. Open it once in each thread: a second object in one thread is another owner.
   *
   * @param buffer - its {@link Mutex.buffer}, received by `workerData` or a message.
   * @throws TypeError if `buffer` is no SharedArrayBuffer.
   * @throws RangeError if `buffer` is too short, has another layout version or another kind of content, or is damaged.
   */
  static from(buffer: SharedArrayBuffer): Mutex {
    return new Mutex(new AdoptedBuffer(buffer) as unknown as undefined)
  }

  /**
   * Takes the mutex, and blocks the thread until it is free. A waiting worker can be terminated. If the wait takes longer
   * than 10 seconds, one warning on standard error, with the code `RSEQ_LONG_WAIT`, names the thread that has the mutex.
   *
   * @returns a hold for `using`; a program that calls {@link unlock} can ignore it.
   * @throws OwnerDiedError if the last owner ended while it had the mutex; this thread then has the mutex.
   * @throws Error if this thread has the mutex already, because it would wait for itself forever.
   */
  lock(): Hold {
    const status = mutexTryLock(this.#handle)
    if (status !== OK) this.#lockSlow(status)
    return new Taken(this.#giveBack, this.#releases)
  }

  /**
   * Takes the mutex if it is free, or becomes free within the timeout.
   *
   * @param timeoutMs - the longest time to block the thread, in milliseconds; Infinity sets no limit.
   * @returns true if the call took the mutex. False at once if this thread had the mutex before the call.
   * @throws OwnerDiedError if the last owner ended while it had the mutex; this thread then has the mutex.
   * @throws TypeError or RangeError if `timeoutMs` is no number of milliseconds.
   */
  tryLock(timeoutMs = 0): boolean {
    checkMilliseconds('timeoutMs', timeoutMs)
    const status = mutexTryLock(this.#handle)
    if (status === OK) return true
    // Where processes share the mutex, nobody tells that its owner's process was killed: the wait of 0 ms looks.
    if (status === Status.busy && (timeoutMs > 0 || this.#open.isShared)) return this.#wait(timeoutMs) === OK
    return this.#taken(status)
  }

  /**
   * Takes the mutex without blocking the thread, so the event loop goes on. The call may wait while another task of this
   * thread has the mutex. A wait keeps the process running.
   *
   * The tasks that wait with one object get the mutex in the order of their calls. If a wait without a timeout takes longer
   * than 10 seconds, one process warning with the code `RSEQ_LONG_WAIT` names the thread that has the mutex.
   *
   * @param options - `signal` and `timeout` end the wait; the task then never gets the mutex.
   * @returns a promise of a hold for `using`. It is resolved when this thread has the mutex. All errors reject it.
   * @throws OwnerDiedError if the last owner ended while it had the mutex; this thread then has the mutex.
   * @throws TimeoutError if `timeout` is over; the signal's reason if `signal` is aborted.
   * @throws TypeError or RangeError if an option is unknown or not accepted.
   */
  async lockAsync(options?: LockOptions): Promise<Hold> {
    if (this.#isClosing) throw disposedError()
    const checked = options === undefined ? NO_LIMIT : checkLockOptions(options)
    if (checked.signal?.aborted === true) throw checked.signal.reason
    const isTaken = this.#queue.isEmpty && this.#taken(mutexTryLock(this.#handle))
    if (!isTaken) await this.#queue.wait(checked)
    return new Taken(this.#giveBack, this.#releases)
  }

  /**
   * Takes the mutex like {@link lockAsync}, calls `run`, and gives the mutex back when `run` has thrown or returned. If `run`
   * returns a promise, the mutex is given back when that promise is settled. If the object is disposed of meanwhile, the mutex
   * is given back first.
   *
   * @param run - the function to call while this thread has the mutex. If it awaits another `runExclusive()` of this mutex, it
   *   waits forever.
   * @returns a promise of the value that `run` returns. All errors reject it.
   * @throws the errors of {@link lockAsync}, and whatever `run` throws. After an OwnerDiedError of `lockAsync`, `run` was not
   *   called and this thread has the mutex.
   *
   * @example
   * ```ts
   * const id = await mutex.runExclusive(() => table[0]++)
   * ```
   */
  async runExclusive<Result>(
    run: () => Result | PromiseLike<Result>,
    options?: LockOptions,
  ): Promise<Result> {
    if (typeof run !== 'function') throw typeError('run', 'a function', run)
    const hold = await this.lockAsync(options)
    this.#runs++
    try {
      return await run()
    } finally {
      hold[Symbol.dispose]()
      this.#runs--
      if (this.#isClosing) this[Symbol.dispose]()
    }
  }

  /**
   * Closes what this object has open in this thread now instead of when the object is collected. Other objects on the buffer
   * are not affected; every later operation of this object throws an Error. If this object holds the mutex, the mutex stays
   * taken until the thread ends, so unlock it first. During {@link runExclusive}, the object is closed when that has given
   * the mutex back. The second call does nothing.
   */
  override [Symbol.dispose](): void {
    this.#isClosing = true
    if (this.#runs === 0) super[Symbol.dispose]()
  }

  /**
   * Gives the mutex back. The call makes a system call only if another thread waits.
   *
   * @throws Error if this thread has not locked the mutex with this object.
   */
  unlock(): void {
    if (!this.#afterUnlock(mutexUnlock(this.#handle))) {
      throw new Error('mutex: expected to be locked by this thread and object before it is unlocked')
    }
  }

  #lockSlow(status: Status): void {
    const last = status === Status.busy ? this.#wait(Infinity) : status
    if (last === Status.heldAlready) {
      throw new Error('mutex: this thread has it already; to wait for it again would never end')
    }
    this.#taken(last)
  }

  /** Blocks until this thread has the mutex or the time is over. It waits in slices, so that the thread can be terminated. */
  #wait(timeoutMs: number): Status {
    const deadline = performance.now() + timeoutMs
    const longWait = timeoutMs === Infinity ? new LongWait('mutex.lock()') : undefined
    for (;;) {
      const left = Math.max(0, deadline - performance.now())
      const status = backend.mutexWait(this.#handle, Math.ceil(Math.min(left, LOCK_SLICE_MS)))
      if (status === Status.ownerDied) throw new OwnerDiedError('mutex')
      if (status === Status.badHandle) throw disposedError()
      if (status !== Status.busy || left === 0) return status
      longWait?.lookBlocked(() => holderOf(status, this.#open.words))
    }
  }

  /** Returns whether an attempt took the mutex; throws if the owner died or the mutex was disposed of. */
  #taken(status: Status): boolean {
    if (status === Status.ownerDied) throw new OwnerDiedError('mutex')
    if (status === Status.badHandle) throw disposedError()
    return status === OK
  }

  /** Ends the hold, and wakes a task that waits in JavaScript. Returns false if this object had not locked the mutex. */
  #afterUnlock(status: Status): boolean {
    if (status === Status.badHandle) throw disposedError()
    if (status === Status.notOwner) return false
    this.#releases++
    if (status === Status.call) callWaiter(this.#open.words)
    return true
  }

  /** @internal */
  override [summary](): object {
    checkOpen(this)
    return lockState(this.#open.words)
  }
}
