/**
 * Warns about a wait for a lock that takes suspiciously long, and names the thread that has the lock.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'
import { writeSync } from 'node:fs'
import { LockState, LockWord, Status } from '../core/layout.js'
import { readOwner } from '../core/owner.js'
import { threadIdOf } from '../portable/threads.js'

/** A wait without a timeout causes a warning after this many milliseconds. */
export const LONG_WAIT_MS = 10_000

const CODE = 'RSEQ_LONG_WAIT'
const STDERR = 2
const UNLOCK_ADVICE =
  'If a task has forgotten to unlock, use runExclusive() or `using`; to give up after some time, use a timeout'

/**
 * The state of a lock at this moment. `thread` is Node's `threadId` of the owner, or null if this thread does not know it. Of
 * a lock that processes share, `slot` says which process has it.
 */
export interface LockStateNow {
  readonly locked: boolean
  readonly thread?: number | null
  readonly slot?: number
}

/** The position of the slot of the owner's process in the upper half of a lock's state. */
const SLOT_SHIFT = 20

/** Reads a lock's state from its words. The answer may be outdated at once, and wrong if the words were overwritten. */
export function lockState(words: Int32Array): LockStateNow {
  const low = Atomics.load(words, LockWord.state)
  if (low === LockState.free || low === LockState.ownerDied) return { locked: false }
  const high = Atomics.load(words, LockWord.stateHigh)
  if (high >>> SLOT_SHIFT !== 0) return { locked: true, slot: high >>> SLOT_SHIFT }
  const thread = threadIdOf(readOwner(low, high))
  return { locked: true, thread: thread ?? null }
}

/**
 * Returns a clause that names the owner of a mutex, such as "the main thread has it". The clause may be outdated at once, and
 * wrong if the mutex's words were overwritten.
 *
 * @param status - the status that the last attempt to take the mutex returned.
 */
export function holderOf(status: Status, words: Int32Array): string {
  if (status === Status.heldAlready) return 'this thread has it, and has not unlocked it'
  const { locked, thread = null, slot } = lockState(words)
  if (!locked) return 'other threads take it in turn'
  if (slot !== undefined) return `a thread of the process in slot ${slot} has it`
  if (thread === null) return 'a thread that is not known here has it'
  return thread === 0 ? 'the main thread has it' : `the worker with the threadId ${thread} has it`
}

/** Watches one wait without a timeout, and warns once when {@link LONG_WAIT_MS} have passed. */
export class LongWait {
  readonly #what: string
  readonly #advice: string
  readonly #since = performance.now()
  #isTold = false

  /**
   * @param what - the name of the waiting call in the warning, such as "mutex.lock()".
   * @param advice - what the reader of the warning may do.
   */
  constructor(what: string, advice = UNLOCK_ADVICE) {
    this.#what = what
    this.#advice = advice
  }

  /** Returns the text of the warning when the warning is due; undefined before that, and after the first warning. */
  #due(holder: () => string): string | undefined {
    if (this.#isTold || performance.now() - this.#since < LONG_WAIT_MS) return undefined
    this.#isTold = true
    const seconds = LONG_WAIT_MS / 1000
    return `${this.#what} has waited for ${seconds} seconds, and goes on waiting: ${holder()}. ${this.#advice}`
  }

  /** Emits a process warning if the warning is due. A wait that does not block the thread calls this now and then. */
  look(holder: () => string): void {
    const text = this.#due(holder)
    if (text !== undefined) process.emitWarning(text, { code: CODE })
  }

  /**
   * Writes the warning to standard error if it is due. A wait that blocks the thread calls this now and then. It writes to
   * the file descriptor because a blocked thread emits a process warning only after its wait, and because the main thread
   * prints the output of Workers. It writes nothing if the process has no listener for warnings, as with `--no-warnings`.
   */
  lookBlocked(holder: () => string): void {
    const text = this.#due(holder)
    if (text === undefined || process.listenerCount('warning') === 0) return
    try {
      writeSync(STDERR, `(node:${process.pid}) [${CODE}] Warning: ${text}\n`)
    } catch {
      // Standard error is closed or full, so the warning cannot be shown.
    }
  }
}
