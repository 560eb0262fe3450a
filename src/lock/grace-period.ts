/**
 * One wait of an {@link Rcu} until all reads have ended that had begun before it.
 *
 * @module
 */
import { threadId } from 'node:worker_threads'
import type { OpenMutex } from '../core/contract.js'
import { backend } from '../runtime/backend.js'
import { openMutex } from '../runtime/region.js'
import { LongWait } from './long-wait.js'
import { type RcuHeader, countAt, fenceAll, mutexAt, threadAt } from './rcu-memory.js'
import { takeMutex } from './take-mutex.js'

const { mutexUnlock } = backend.operations

/** A thread that was inside a read when the wait began. */
interface Reader {
  readonly slot: number
  /** The count of its slot then. */
  readonly count: number
}

function fence({ isFenced }: RcuHeader): void {
  if (!isFenced || fenceAll()) return
  throw new Error(
    'rseq: this thread cannot wait for the readers of an Rcu: they rely on fences, which the portable backend does not have, ' +
      'or which the kernel has refused; wait in a thread on the native backend',
  )
}

/** The slots' mutexes that this thread has opened to ask whether an owner lives. */
export type Mutexes = Map<number, OpenMutex>

export class GracePeriod {
  readonly #header: RcuHeader
  readonly #words: Int32Array
  readonly #mutexes: Mutexes
  readonly #longWait: LongWait
  #inside: Reader[] = []

  /**
   * Looks who is inside a read.
   *
   * @param what - the waiting call, for a warning.
   * @throws Error if this thread cannot execute fences, and the readers rely on them.
   */
  constructor(header: RcuHeader, words: Int32Array, mutexes: Mutexes, what: string) {
    this.#header = header
    this.#words = words
    this.#mutexes = mutexes
    this.#longWait = new LongWait(
      what,
      'A read must end in the task that began it: use read(), and neither wait nor block in it',
    )
    // Either the fence comes after the store with which a read begins, and the count below is odd; or that read loads everything
    // after the fence, and so finds what the caller has published.
    fence(header)
    for (let slot = 0; slot < header.slots; slot++) {
      const count = Atomics.load(words, countAt(slot))
      if ((count & 1) === 1) this.#inside.push({ slot, count })
    }
  }

  /** Whether this thread is inside one of the reads: it must not block until they have ended. */
  get hasOwn(): boolean {
    return this.#inside.some(({ slot }) => Atomics.load(this.#words, threadAt(slot)) === threadId + 1)
  }

  /**
   * Whether all of the reads have ended. Everything that they loaded was loaded before this answers true.
   *
   * @param asks - whether to ask if the readers' threads live: only for waits that are not short, as it takes some microseconds.
   */
  poll(asks: boolean): boolean {
    if (this.#inside.length === 0) return true
    this.#inside = this.#inside.filter(
      (reader) => this.#isInside(reader) && !(asks && this.#hasEnded(reader)),
    )
    if (this.#inside.length > 0) return false
    fence(this.#header)
    return true
  }

  /** Warns if the wait takes long; `isBlocked` says that this thread runs nothing else meanwhile. */
  warn(isBlocked: boolean): void {
    const holder = (): string => {
      const threads = this.#inside.map(({ slot }) => Atomics.load(this.#words, threadAt(slot)))
      const names = threads.map((thread) =>
        thread === 1 ? 'the main thread' : `the worker with the threadId ${thread - 1}`,
      )
      return `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} inside a read`
    }
    if (isBlocked) this.#longWait.lookBlocked(holder)
    else this.#longWait.look(holder)
  }

  #isInside({ slot, count }: Reader): boolean {
    return Atomics.load(this.#words, countAt(slot)) === count
  }

  /** Whether the thread of a slot has ended. Then nobody has its mutex, and its read ends here. */
  #hasEnded({ slot, count }: Reader): boolean {
    let mutex = this.#mutexes.get(slot)
    if (mutex === undefined) {
      mutex = openMutex(this.#words.buffer, mutexAt(slot))
      this.#mutexes.set(slot, mutex)
    }
    if (!takeMutex(mutex.handle)) return false
    Atomics.compareExchange(this.#words, countAt(slot), count, (count + 1) | 0)
    mutexUnlock(mutex.handle)
    return true
  }
}
