import { summary } from '../core/describe.js'
import { types } from 'node:util'
import { checkOpen, own } from '../runtime/disposal.js'
import { backend } from '../runtime/backend.js'
import { OwnerDiedError, checkInteger, disposedError, typeError } from '../core/errors.js'
import { Kind, LAST_OWNER_DIED, LOCK_LENGTH, LOCK_SLICE_MS, LockWord, Status } from '../core/layout.js'
import { LongWait, lockState } from './long-wait.js'
import type { Hold } from './mutex.js'
import type { Handle } from '../core/operations.js'
import {
  AdoptedBuffer,
  RegionHolder,
  bufferFor,
  checkNoArgument,
  createRegion,
  openCpuLock,
} from '../runtime/region.js'

const { cpuLockTry, cpuLockUnlock } = backend.operations

/** Constants of this module: see counters.ts. */
const OK = Status.ok
const DIED = LAST_OWNER_DIED

/** The lock of one CPU that this thread has. */
export interface CpuHold extends Hold {
  /** The CPU whose lock is held; {@link PerCpuLock.unlock} accepts it. */
  readonly cpu: number
}

/** The implementation of a hold. It is a class because an object with a closure would cost more than taking the lock. */
class TakenCpu implements CpuHold {
  readonly cpu: number
  readonly #giveBack: (cpu: number, turn: number) => void
  readonly #turn: number

  /** @param giveBack - gives the lock back, unless the lock was given back after `turn` began. */
  constructor(cpu: number, giveBack: (cpu: number, turn: number) => void, turn: number) {
    this.cpu = cpu
    this.#giveBack = giveBack
    this.#turn = turn
  }

  [Symbol.dispose](): void {
    this.#giveBack(this.cpu, this.#turn)
  }
}

/**
 * A lock for each CPU. The thread that has the lock of a CPU may use the program's data for that CPU with ordinary code, for
 * as long as it takes; it keeps the lock if the kernel moves it to another CPU. Two threads compete for a lock only if one
 * replaced the other on the CPU while it had the lock, so the locks are hardly ever contended.
 *
 * Taking a lock is one restartable sequence on the CPU's own word, without an atomic instruction. Threads without restartable
 * sequences take the lock with the number {@link length} - 1. If a thread ends while it has a lock, the next thread gets the
 * lock with an {@link OwnerDiedError}. The locks are not reentrant and not fair. They work within one process; those that
 * several processes have come from `rseq/shared`. Taking is an acquire, unlocking a release. Memory: (possible CPUs + 1) x
 * 128 bytes and at most 256 more.
 *
 * @example
 * ```ts
 * const lock = new PerCpuLock() // elsewhere PerCpuLock.from(buffer)
 * const cpu = lock.lockThisCpu()
 * try {
 *   histograms[cpu].record(value) // one for each of 0 to lock.length - 1
 * } finally {
 *   lock.unlock(cpu)
 * }
 * // With `using`, in TypeScript or a JavaScript engine that supports it:
 * {
 *   using hold = lock.holdThisCpu()
 *   histograms[hold.cpu].record(value)
 * }
 * ```
 */
export class PerCpuLock extends RegionHolder {
  readonly #open = own(this, openCpuLock(this.buffer))
  readonly #handle: Handle = this.#open.handle
  /** How many locks there are: one for each possible CPU, and one for threads without restartable sequences. */
  readonly length = this.#open.shards + 1
  /** How often this object has given each lock back. Each hold keeps the number that was current when it was made. */
  readonly #releases = new Float64Array(this.length)
  readonly #giveBack = (cpu: number, turn: number): void => {
    if (this.#releases[cpu] === turn) this.#afterUnlock(cpuLockUnlock(this.#handle, cpu), cpu)
  }

  /** Makes locks that are all free. */
  constructor(adopted?: undefined) {
    super(
      bufferFor('PerCpuLock', [adopted], () => {
        checkNoArgument('PerCpuLock', adopted)
        return createRegion(Kind.cpuLock, LOCK_LENGTH, 'i64', 'cpu')
      }),
    )
  }

  /**
   * Opens locks that another thread made. Open them once in each thread: a second object in one thread is another owner.
   *
   * @param buffer - their {@link PerCpuLock.buffer}, received by `workerData` or a message.
   * @throws TypeError if `buffer` is no SharedArrayBuffer.
   * @throws RangeError if `buffer` is too short, has another layout version or another kind of content, or is damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuLock {
    return new PerCpuLock(new AdoptedBuffer(buffer) as unknown as undefined)
  }

  /**
   * Takes the lock of the CPU that runs the thread, and blocks the thread until the lock is free. A waiting worker can be
   * terminated. If the wait takes longer than 10 seconds, standard error gets one warning with the code `RSEQ_LONG_WAIT`.
   *
   * @returns the CPU: 0 to {@link length} - 1.
   * @throws OwnerDiedError if the last owner ended while it had the lock; this thread then has the lock of the error's `cpu`.
   * @throws Error if this thread has the lock already, because it would wait for itself forever.
   */
  lockThisCpu(): number {
    const cpu = cpuLockTry(this.#handle)
    return cpu >>> 0 < DIED ? cpu : this.#lockSlow(cpu)
  }

  /**
   * Takes the lock of the CPU that runs the thread, if the lock is free.
   *
   * @returns the CPU; -1 if another thread or this thread has the lock.
   * @throws OwnerDiedError if the last owner ended while it had the lock; this thread then has the lock of the error's `cpu`.
   */
  tryLockThisCpu(): number {
    const cpu = cpuLockTry(this.#handle)
    if (cpu >>> 0 < DIED) return cpu
    // Where processes share the lock, nobody tells that its owner's process was killed: the wait of 0 ms looks.
    const looks = cpu === -Status.busy && this.#open.isShared
    return this.#taken(looks ? backend.cpuLockWait(this.#handle, 0) : cpu)
  }

  /**
   * Takes the lock of the CPU that runs the thread, like {@link lockThisCpu}, calls `run` with that CPU, and gives the lock
   * back when `run` has returned or thrown.
   *
   * @param run - a synchronous function, which uses the data of the CPU that it gets as its argument.
   * @returns the value that `run` returns.
   * @throws TypeError if `run` is no function, or has returned a promise, because the lock is given back before it is settled.
   * @throws the errors of {@link lockThisCpu}, and whatever `run` throws. After an OwnerDiedError of `lockThisCpu`, `run` was
   *   not called and this thread has the lock.
   */
  runExclusive<Result>(run: (cpu: number) => Result): Result {
    const expected = 'a function that is done when it returns'
    if (typeof run !== 'function') throw typeError('run', expected, run)
    const cpu = this.lockThisCpu()
    let result: Result
    try {
      result = run(cpu)
    } finally {
      this.unlock(cpu)
    }
    if (types.isPromise(result)) throw typeError('run', expected, result)
    return result
  }

  /** Takes a lock like {@link lockThisCpu}, and returns a hold for `using`. */
  holdThisCpu(): CpuHold {
    const cpu = this.lockThisCpu()
    return new TakenCpu(cpu, this.#giveBack, this.#releases[cpu] as number)
  }

  /**
   * Gives a CPU's lock back, on whatever CPU the thread runs now. The call makes a system call only if another thread waits.
   *
   * @param cpu - the number that {@link lockThisCpu} has returned.
   * @throws TypeError or RangeError if the lock does not exist.
   * @throws Error if this thread has not taken the lock with this object.
   */
  unlock(cpu: number): void {
    if (typeof cpu !== 'number' || cpu >>> 0 !== cpu) checkInteger('cpu', cpu, 0, this.length - 1)
    if (!this.#afterUnlock(cpuLockUnlock(this.#handle, cpu), cpu)) {
      checkInteger('cpu', cpu, 0, this.length - 1)
      throw new Error(
        `lock: expected CPU ${cpu} to be locked by this thread and object before it is unlocked`,
      )
    }
  }

  /** Blocks until this thread has a lock. It waits in slices, so that the thread can be terminated. */
  #lockSlow(tried: number): number {
    let answer = tried
    const longWait = new LongWait('lock.lockThisCpu()')
    while (answer === -Status.busy) {
      answer = backend.cpuLockWait(this.#handle, LOCK_SLICE_MS)
      longWait.lookBlocked(() => 'another thread has the lock of this CPU')
    }
    if (answer === -Status.heldAlready) {
      throw new Error("lock: this thread has this CPU's already; to wait for it again would never end")
    }
    return this.#taken(answer)
  }

  /** Returns the CPU whose lock an attempt took, or -1; throws if the owner died or the locks were disposed of. */
  #taken(answer: number): number {
    if (answer >= DIED) throw new OwnerDiedError('lock', answer - DIED)
    if (answer === -Status.badHandle) throw disposedError()
    return answer < 0 ? -1 : answer
  }

  /** Ends the hold, and wakes a task that waits in JavaScript. Returns false if this object had not taken the lock. */
  #afterUnlock(status: Status, cpu: number): boolean {
    if (status === Status.badHandle) throw disposedError()
    if (status !== OK && status !== Status.call) return false
    this.#releases[cpu] = (this.#releases[cpu] as number) + 1
    if (status === Status.call) {
      const { words, stride } = this.#open
      Atomics.add(words, cpu * stride + LockWord.calls, 1)
      Atomics.notify(words, cpu * stride + LockWord.calls, 1)
    }
    return true
  }

  /** @internal */
  override [summary](): object {
    checkOpen(this)
    const { words, stride } = this.#open
    const states = Array.from({ length: this.length }, (_, cpu) => ({
      cpu,
      ...lockState(words.subarray(cpu * stride, cpu * stride + 2 * LOCK_LENGTH)),
    }))
    return { length: this.length, locked: states.filter(({ locked }) => locked) }
  }
}
