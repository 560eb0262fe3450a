import { setImmediate, setTimeout } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'
import { summary } from '../core/describe.js'
import { disposedError, typeError } from '../core/errors.js'
import { backend } from '../runtime/backend.js'
import { checkOpen, own } from '../runtime/disposal.js'
import { AdoptedBuffer, RegionHolder, bufferFor, openMutex } from '../runtime/region.js'
import { GracePeriod, type Mutexes } from './grace-period.js'
import { type RcuOptions, countAt, mutexAt, newRcuMemory, readRcuHeader, threadAt } from './rcu-memory.js'
import { takeMutex } from './take-mutex.js'

export type { RcuOptions } from './rcu-memory.js'

const { mutexUnlock } = backend.operations

/** Values of the depth beside 0 and more: the thread has no slot yet, or the object is closed. */
const NO_SLOT = -1
const CLOSED = -2

/** A waiting thread looks so many times at once, then after pauses, each twice as long as the one before. */
const LOOKS_AT_ONCE = 100
const FIRST_PAUSE_MS = 1
const LONGEST_PAUSE_MS = 16

const DEFER = 'a function of rcu.defer()'
const NOT_INSIDE = 'rseq: rcu.unlock(): this object is not inside a read'

/** Looks at a grace period between tasks, until it is over. */
async function ended(period: GracePeriod): Promise<void> {
  await setImmediate()
  for (
    let pause = FIRST_PAUSE_MS;
    !period.poll(pause > FIRST_PAUSE_MS);
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS)
  ) {
    await setTimeout(pause)
    period.warn(false)
  }
}

/**
 * Read, copy, update: readers of shared memory that never wait and write no shared cache line, and writers that know when nobody
 * reads the old any more.
 *
 * A writer publishes something new (it stores an index or an offset by `Atomics.store`), waits for a grace period, and then uses the
 * memory of the old again. A grace period is over when every read has ended that had begun before it. A reader says with two
 * stores to a word of its own that it is inside a read; the writer's `membarrier` makes them seen, so readers need no fence. A
 * thread that ends inside a read, however it ends, ends its read.
 *
 * Inside a read, JavaScript may run any code that ends in the same task: it must not `await`, block, or call {@link synchronize}. Load
 * what leads to the data by `Atomics.load`, and keep nothing of it after the read: no view of memory that a writer may use again, but a
 * copy. docs/rcu.md says more.
 *
 * @example
 * ```ts
 * const rcu = new Rcu() // in workers Rcu.from(rcu.buffer)
 * const page = rcu.read(() => pages.slice(Atomics.load(current, 0) * SIZE, SIZE))
 * // in the thread that writes
 * const old = Atomics.exchange(current, 0, filled)
 * rcu.defer(() => free.push(old))
 * ```
 */
export class Rcu extends RegionHolder {
  readonly #header = readRcuHeader(this.buffer)
  readonly #isFenced = this.#header.isFenced
  readonly #words = new Int32Array(this.buffer)
  /** The position of this object's count. */
  #at = 0
  #count = 0
  /** How many reads this object is inside, one in the other; or one of the values above. */
  #depth = NO_SLOT
  readonly #mutexes: Mutexes = new Map()
  #deferred: (() => unknown)[] = []
  #isRunning = false

  /**
   * Makes one without readers.
   *
   * @param options - how many threads may read at a time.
   * @throws TypeError if `options` is no object or an option is unknown; RangeError if a value is out of range.
   */
  constructor(options: RcuOptions = {}) {
    super(bufferFor('Rcu', [options], () => newRcuMemory(options)))
  }

  /**
   * Opens one that another thread made. Open it once in each thread.
   *
   * @param buffer - its {@link Rcu.buffer}, received by `workerData` or a message.
   * @throws TypeError if `buffer` is no SharedArrayBuffer; RangeError if it holds something else, or is damaged.
   */
  static from(buffer: SharedArrayBuffer): Rcu {
    return new Rcu(new AdoptedBuffer(buffer) as RcuOptions)
  }

  /** How many threads may read at a time. */
  get threads(): number {
    return this.#header.slots
  }

  /**
   * Begins a read. Reads of an object may be in each other: the last {@link unlock} ends them. O(1), wait-free, without a call of
   * native code; the first one in a thread takes a slot, in O({@link threads}).
   *
   * @throws Error if as many threads as {@link threads} read already; the slot of a thread that has ended is free.
   */
  readLock(): void {
    if (this.#depth === 0) {
      this.#depth = 1
      this.#store()
    } else {
      this.#readLockSlow()
    }
  }

  /**
   * Ends a read.
   *
   * @throws Error if this object is not inside a read.
   */
  unlock(): void {
    if (this.#depth === 1) {
      this.#store()
      this.#depth = 0
    } else if (this.#depth > 1) {
      this.#depth--
    } else {
      throw this.#depth === CLOSED ? disposedError() : new Error(NOT_INSIDE)
    }
  }

  /**
   * Calls a function inside a read, which ends when the function returns or throws.
   *
   * @param fn - a function that is done when it returns.
   * @returns what the function returned.
   * @throws TypeError if `fn` is no function, or if it returned a promise: what it does later is outside of the read.
   */
  read<Result>(fn: () => Result): Result {
    if (typeof fn !== 'function') throw typeError('fn', 'a function', fn)
    this.readLock()
    let result: Result
    try {
      result = fn()
    } finally {
      this.unlock()
    }
    if (result instanceof Promise) {
      throw new TypeError(
        'fn: expected a function that is done when it returns, got one that returned a promise',
      )
    }
    return result
  }

  /**
   * Blocks the thread until all reads have ended that had begun before the call. Takes some microseconds if there are none. After 10
   * seconds, one warning on standard error, with the code `RSEQ_LONG_WAIT`, names the threads that are inside reads.
   *
   * @throws Error if this thread is inside a read itself; or if it runs on the portable backend and the object was made on the native one.
   */
  synchronize(): void {
    checkOpen(this)
    const period = this.#begin('rcu.synchronize()')
    if (period.hasOwn)
      throw new Error('rseq: rcu.synchronize() inside a read of this thread would wait forever')
    const asleep = new Int32Array(new SharedArrayBuffer(4))
    let pause = FIRST_PAUSE_MS
    for (let looks = 0; !period.poll(looks >= LOOKS_AT_ONCE); looks++) {
      if (looks < LOOKS_AT_ONCE) continue
      Atomics.wait(asleep, 0, 0, pause)
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS)
      period.warn(true)
    }
  }

  /**
   * Like {@link synchronize}, without blocking the thread: the promise is resolved when the reads have ended. The warning is one of the
   * process.
   *
   * @throws Error if this thread runs on the portable backend and the object was made on the native one (as a rejection).
   */
  async synchronizeAsync(): Promise<void> {
    checkOpen(this)
    await ended(this.#begin('rcu.synchronizeAsync()'))
  }

  /**
   * Calls a function in a later task of this thread, when all reads have ended that had begun before this call. Functions that are
   * deferred while a grace period runs share the next one. They are called in order. What one throws is an uncaught exception. They are
   * lost if this thread ends before.
   *
   * @throws TypeError if `fn` is no function; Error as {@link synchronize}, but never because of this thread's own reads.
   */
  defer(fn: () => unknown): void {
    checkOpen(this)
    if (typeof fn !== 'function') throw typeError('fn', 'a function', fn)
    if (this.#isRunning) this.#deferred.push(fn)
    else void this.#runDeferred([fn], this.#begin(DEFER))
  }

  /**
   * Ends this object's read, gives its slot back, and closes it. Functions that were deferred are still called. Every later operation
   * throws an Error. The second call does nothing.
   */
  override [Symbol.dispose](): void {
    if (this.#depth > 0) {
      this.#depth = 1
      this.unlock()
    }
    if (this.#depth === 0) this.#giveBack?.()
    this.#depth = CLOSED
    super[Symbol.dispose]()
  }

  /** Gives this object's slot back. */
  #giveBack: (() => void) | undefined

  /** Says that a read begins or ends, by the next number. */
  #store(): void {
    const next = (this.#count + 1) | 0
    this.#count = next
    if (this.#isFenced) this.#words[this.#at] = next
    else Atomics.store(this.#words, this.#at, next)
  }

  #readLockSlow(): void {
    if (this.#depth === CLOSED) throw disposedError()
    if (this.#depth === NO_SLOT) {
      this.#takeSlot()
      this.readLock()
    } else {
      this.#depth++
    }
  }

  #takeSlot(): void {
    for (let slot = 0; slot < this.threads; slot++) {
      const mutex = openMutex(this.buffer, mutexAt(slot))
      if (takeMutex(mutex.handle)) {
        own(this, mutex)
        this.#giveBack = () => mutexUnlock(mutex.handle)
        this.#at = countAt(slot)
        Atomics.store(this.#words, threadAt(slot), threadId + 1)
        // If the last owner ended inside a read, this ends it.
        this.#count = (Atomics.load(this.#words, this.#at) + 1) & ~1
        Atomics.store(this.#words, this.#at, this.#count)
        this.#depth = 0
        return
      }
      backend.close(mutex.handle)
    }
    throw new Error(
      `rseq: ${this.threads} threads read already; make the Rcu with a greater number of threads`,
    )
  }

  #begin(what: string): GracePeriod {
    return new GracePeriod(this.#header, this.#words, this.#mutexes, what)
  }

  /** Waits for one grace period after the other, until no function is left. */
  async #runDeferred(functions: (() => unknown)[], period: GracePeriod): Promise<void> {
    this.#isRunning = true
    await ended(period)
    for (const fn of functions) {
      try {
        fn()
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
    this.#isRunning = false
    if (this.#deferred.length === 0) return
    const next = this.#deferred
    this.#deferred = []
    void this.#runDeferred(next, this.#begin(DEFER))
  }

  /** @internal */
  override [summary](): object {
    return { threads: this.threads, depth: Math.max(0, this.#depth) }
  }
}
