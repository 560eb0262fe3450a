import { backend } from './backend.js'
import { OwnerDiedError, checkInteger } from './errors.js'
import { Kind, LAST_OWNER_DIED, LOCK_LENGTH, LOCK_SLICE_MS, LockWord, Status } from './layout.js'
import type { Hold } from './mutex.js'
import type { Handle } from './operations.js'
import { AdoptedBuffer, OverBuffer, createRegion, openCpuLock } from './region.js'

const { cpuLockTry, cpuLockUnlock } = backend.operations

/** Constants of this module: see counters.ts. */
const OK = Status.ok
const DIED = LAST_OWNER_DIED

/** The lock of one CPU, held. */
export interface CpuHold extends Hold {
  /** Which it is: what to give to {@link PerCpuLock.unlock}. */
  readonly cpu: number
}

/**
 * A lock for each CPU. Who has the lock of a CPU may use whatever data is kept for that CPU, by ordinary
 * code and for as long as it takes; to be moved to another CPU meanwhile does no harm. Two threads want the same
 * lock only if one took the other's CPU, so it hardly ever is contended.
 *
 * Taking it is a restartable sequence on the CPU's own word, without an atomic instruction; a thread without them
 * takes a lock of its own kind, number {@link length} - 1. A thread that ends with a lock does not stop
 * the others: the next one gets it with an {@link OwnerDiedError}. Not reentrant, not fair, for the threads of
 * one process; acquire and release. (Possible CPUs + 1) x 128 bytes and at most 256 more.
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
 * // The same in TypeScript, or where JavaScript has it:
 * {
 *   using hold = lock.holdThisCpu()
 *   histograms[hold.cpu].record(value)
 * }
 * ```
 */
export class PerCpuLock extends OverBuffer {
  readonly #open = openCpuLock(this.buffer)
  readonly #handle: Handle = this.#open.handle
  /** How many locks there are: one for each possible CPU, and one for threads without restartable sequences. */
  readonly length = this.#open.shards + 1
  /** One for each lock that was ever held: there cannot be two at a time. */
  readonly #holds: CpuHold[] = []

  /** New locks, all free. */
  constructor(adopted?: undefined) {
    const given: unknown = adopted
    const isAdopted = given instanceof AdoptedBuffer
    super(isAdopted ? given.buffer : createRegion(Kind.cpuLock, LOCK_LENGTH, 'i64', 'cpu'))
  }

  /**
   * Opens the locks that another thread made. Once in a thread: through each object it is another owner.
   *
   * @param buffer - their {@link buffer}, as received by `workerData` or a message.
   * @throws TypeError if it is no SharedArrayBuffer.
   * @throws RangeError if it is too short, made by another layout version, of another kind, or damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuLock {
    return new PerCpuLock(new AdoptedBuffer(buffer) as unknown as undefined)
  }

  /**
   * Takes the lock of the CPU that the thread is on, and blocks the thread until it can. A worker that waits can be
   * terminated.
   *
   * @returns the CPU: 0 to {@link length} - 1.
   * @throws OwnerDiedError if the last owner ended with it; then this thread has the lock of the error's `cpu`.
   * @throws Error if this thread has this lock already: waiting would never end.
   */
  lockThisCpu(): number {
    const cpu = cpuLockTry(this.#handle)
    return cpu >>> 0 < DIED ? cpu : this.#lockAnyhow(cpu)
  }

  /**
   * Takes the lock of the CPU that the thread is on, if it is free.
   *
   * @returns the CPU; -1 if another thread or this one has the lock.
   * @throws OwnerDiedError as {@link lockThisCpu}.
   */
  tryLockThisCpu(): number {
    const cpu = cpuLockTry(this.#handle)
    return cpu >>> 0 < DIED ? cpu : this.#taken(cpu)
  }

  /** {@link lockThisCpu}, for `using`. */
  holdThisCpu(): CpuHold {
    const cpu = this.lockThisCpu()
    return (this.#holds[cpu] ??= {
      cpu,
      [Symbol.dispose]: (): void => {
        this.#afterUnlock(cpuLockUnlock(this.#handle, cpu), cpu)
      },
    })
  }

  /**
   * Gives a CPU's lock back, from whichever CPU the thread is on now. A system call only if another thread waits.
   *
   * @param cpu - what {@link lockThisCpu} has returned.
   * @throws TypeError, RangeError if there is no such lock.
   * @throws Error if this thread has not locked it by this object.
   */
  unlock(cpu: number): void {
    if (typeof cpu !== 'number' || cpu >>> 0 !== cpu) checkInteger('cpu', cpu, 0, this.length - 1)
    const status = cpuLockUnlock(this.#handle, cpu)
    if (status !== OK && !this.#afterUnlock(status, cpu)) {
      checkInteger('cpu', cpu, 0, this.length - 1)
      throw new Error(
        `lock: expected CPU ${cpu} to be locked by this thread and object before it is unlocked`,
      )
    }
  }

  /** Blocks, in slices, so that the thread can be terminated. */
  #lockAnyhow(tried: number): number {
    let answer = tried
    while (answer === -Status.busy) answer = backend.cpuLockWait(this.#handle, LOCK_SLICE_MS)
    if (answer === -Status.heldAlready) {
      throw new Error("lock: this thread has this CPU's already; to wait for it again would never end")
    }
    const cpu = this.#taken(answer)
    if (cpu < 0) throw new Error(`rseq: the locks are closed (${answer})`)
    return cpu
  }

  /** The CPU of a successful try, or -1. */
  #taken(answer: number): number {
    if (answer >= DIED) throw new OwnerDiedError('lock', answer - DIED)
    return answer < 0 ? -1 : answer
  }

  /** Calls who waits in JavaScript. False if there was nothing to unlock. */
  #afterUnlock(status: Status, cpu: number): boolean {
    if (status === Status.call) {
      const { words, stride } = this.#open
      Atomics.add(words, cpu * stride + LockWord.calls, 1)
      Atomics.notify(words, cpu * stride + LockWord.calls, 1)
    }
    return status === OK || status === Status.call
  }
}
