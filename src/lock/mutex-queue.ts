/**
 * The tasks of one thread that wait for a mutex without blocking the thread.
 *
 * @module
 */
import { clearTimeout, setTimeout } from 'node:timers'
import { type CancelSignal, checkSignal } from '../core/abort.js'
import type { OpenMutex } from '../core/contract.js'
import { OwnerDiedError, TimeoutError, checkMilliseconds, disposedError } from '../core/errors.js'
import { LOCK_SLICE_MS, LockWord, Status } from '../core/layout.js'
import { checkOptions } from '../core/options.js'
import { backend } from '../runtime/backend.js'
import { changed } from '../runtime/wait-async.js'
import { LongWait, holderOf } from './long-wait.js'

const { mutexTryLock } = backend.operations

/** How long {@link Mutex.lockAsync} may wait. */
export interface LockOptions {
  /** An AbortSignal. When it is aborted, the wait ends and the promise is rejected with the signal's reason. */
  signal?: CancelSignal
  /**
   * After this many milliseconds, the promise is rejected with a {@link TimeoutError}. By default, and with values from 2**31
   * on, the wait has no limit.
   */
  timeout?: number
}

/** Lock options with nothing left out, so that no prototype is asked. */
export interface CheckedLockOptions {
  readonly signal: CancelSignal | undefined
  readonly timeout: number
}

/** The longest time that a timer of Node accepts, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * Returns the checked options.
 *
 * @throws TypeError or RangeError that names the wrong option.
 */
export function checkLockOptions(options: LockOptions): CheckedLockOptions {
  const { signal, timeout = Infinity } = checkOptions('options', options, ['signal', 'timeout'])
  const checked = checkSignal('signal', signal)
  checkMilliseconds('timeout', timeout)
  return { signal: checked, timeout }
}

/** Returns the reason of a signal that is aborted, or the error that reading the reason has thrown. */
function reasonOf(signal: CancelSignal): unknown {
  try {
    return signal.reason
  } catch (error) {
    return error
  }
}

/** Wakes one thread whose tasks wait for the mutex without blocking. */
export function callWaiter(words: Int32Array): void {
  Atomics.add(words, LockWord.calls, 1)
  Atomics.notify(words, LockWord.calls, 1)
}

/**
 * A process cannot call tasks of another one. Where processes share the mutex, a queue looks at it by itself, first after this
 * many milliseconds, then after twice as many each time, up to {@link LOCK_SLICE_MS}.
 */
const SHORTEST_PAUSE_MS = 1

/** A task that waits for the mutex. */
interface Task {
  /** Warns about a long wait. Undefined if the task has a timeout: its error tells of the wait. */
  readonly longWait: LongWait | undefined
  /** Resolves the task's promise. The thread calls it after it has taken the mutex for the task. */
  readonly grant: () => void
  /** Rejects the task's promise with `error`. */
  readonly fail: (error: unknown) => void
}

/**
 * Gives the mutex to the waiting tasks of this thread in the order of their calls. One loop waits for all tasks. It takes the
 * mutex only while a task waits, so a cancelled task never gets the mutex.
 */
export class MutexQueue {
  readonly #mutex: OpenMutex
  readonly #tasks = new Set<Task>()
  #isServing = false
  /** The status of the last attempt to take the mutex. */
  #last: Status = Status.busy

  constructor(mutex: OpenMutex) {
    this.#mutex = mutex
  }

  get isEmpty(): boolean {
    return this.#tasks.size === 0
  }

  /** Returns a clause that names the owner of the mutex. */
  readonly #holder = (): string => holderOf(this.#last, this.#mutex.words)

  /**
   * Waits until all earlier tasks have had their turn and this thread has the mutex.
   *
   * @returns a promise. It is rejected with an OwnerDiedError if the last owner ended while it had the mutex (this thread then
   *   has the mutex), with a TimeoutError when `timeout` is over, and with the signal's reason when `signal` is aborted.
   */
  wait({ signal, timeout }: CheckedLockOptions): Promise<void> {
    const hasTimer = timeout <= LONGEST_TIMER_MS
    return new Promise<void>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined
      const onAbort = (): void => {
        task.fail(reasonOf(signal as CancelSignal))
      }
      const end = (): void => {
        this.#tasks.delete(task)
        clearTimeout(timer)
        try {
          signal?.removeEventListener('abort', onAbort)
        } catch {
          // The program's own kind of signal. Its listener does nothing more, and the wait ends as it would have ended.
        }
      }
      const task: Task = {
        longWait: hasTimer ? undefined : new LongWait('mutex.lockAsync()'),
        grant: () => {
          end()
          resolve()
        },
        fail: (error) => {
          end()
          // The program chooses the signal's reason, which need not be an Error.
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
          reject(error)
        },
      }
      if (hasTimer) {
        timer = setTimeout(() => {
          task.fail(new TimeoutError('mutex', timeout, this.#holder()))
        }, timeout)
      }
      this.#tasks.add(task)
      try {
        signal?.addEventListener('abort', onAbort)
      } catch (error) {
        task.fail(error)
      }
      if (!this.#isServing) void this.#serve()
    })
  }

  /** Takes the mutex for one task after the other, until no task waits. */
  async #serve(): Promise<void> {
    const { handle, words, isShared } = this.#mutex
    this.#isServing = true
    try {
      let pause = isShared ? SHORTEST_PAUSE_MS : LOCK_SLICE_MS
      let seen = Atomics.load(words, LockWord.calls)
      for (let isCalled = true; ;) {
        const calls = Atomics.load(words, LockWord.calls)
        const [task] = this.#tasks
        if (task === undefined) {
          // A call came for a task that has been cancelled. Pass the call on to a waiter of any thread.
          if (calls !== seen) callWaiter(words)
          break
        }
        seen = calls
        backend.mutexAnnounce(handle)
        // No call came in time. mutexWait() also checks whether the owner still lives: a dead owner calls nobody.
        this.#last = isCalled ? mutexTryLock(handle) : backend.mutexWait(handle, 0)
        if (this.#settle(task, this.#last)) continue
        task.longWait?.look(this.#holder)
        isCalled = await changed(words, LockWord.calls, calls, pause)
        pause = isCalled || !isShared ? pause : Math.min(2 * pause, LOCK_SLICE_MS)
      }
    } catch (error) {
      for (const task of this.#tasks) task.fail(error)
    } finally {
      this.#isServing = false
    }
  }

  /** Ends a task's wait if the attempt made for it took the mutex or found a dead owner. Returns whether the wait has ended. */
  #settle(task: Task, status: Status): boolean {
    switch (status) {
      case Status.ok:
        task.grant()
        return true
      case Status.ownerDied:
        task.fail(new OwnerDiedError('mutex'))
        return true
      case Status.busy:
      case Status.heldAlready:
        return false
      default:
        throw disposedError()
    }
  }
}
