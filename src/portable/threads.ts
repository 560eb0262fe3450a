/**
 * A table in shared memory that lists the threads that can own something, and whether they still live. A thread hands its
 * table down to the Workers that it starts. See docs/ownership.md.
 *
 * A native thread lists itself when it loads the package, a portable one before it first owns something. Its parent strikes
 * it off at the Worker's `exit` event, which a terminated Worker has too. On Linux, a thread that looks up an owner also
 * checks whether the kernel still has that thread; on Deno this check alone counts, see {@link exitIsEnd}.
 *
 * A Worker that was started before its parent loaded the package gets no table. It begins a table for its own Workers; threads
 * with another table can tell only by the lease in its stop words whether it lives.
 *
 * @module
 */
import { existsSync, readlinkSync } from 'node:fs'
import {
  type Worker,
  getEnvironmentData,
  isMainThread,
  setEnvironmentData,
  threadId,
} from 'node:worker_threads'
import { types } from 'node:util'
import { runtime } from '../core/runtime.js'
import { Family, type OwnerWord, isLeaseRunning, portableOwner } from '../core/owner.js'
import { now as nanoseconds } from './clock.js'

/** The table is a head and rows. Word 0 of the head is 1 in the main thread's table. `native/percpu/owner.h` reads it too. */
const HEAD_WORDS = 4
const HeadWord = { isMain: 0, taken: 1 } as const
const ROW_WORDS = 8
const ROWS = 1024
/**
 * The words of a row. `low` and `high` are the halves of the owner. `thread` is the `threadId` plus 1, negated when the thread
 * ends. `parent` is the parent's `threadId` plus 1, or 0. `task` is the kernel's number of the thread, or 0.
 */
const RowWord = { low: 0, high: 1, thread: 2, parent: 3, task: 4 } as const

/** The key of the environment data with which a thread hands its table down. It ends with the version of the layout. */
const KEY = 'rseq: threads 1'
interface Handed {
  readonly table: SharedArrayBuffer
  readonly parent: number
}

const TABLE_BYTES = 4 * (HEAD_WORDS + ROWS * ROW_WORDS)

function handedDown(): Handed | undefined {
  const given = getEnvironmentData(KEY) as Partial<Handed> | undefined
  const isTable = types.isSharedArrayBuffer(given?.table) && given.table.byteLength === TABLE_BYTES
  return isTable && typeof given.parent === 'number' ? (given as Handed) : undefined
}

const handed = handedDown()

/** The table that this thread shares with its parent and its Workers. */
export const table = new Int32Array(handed?.table ?? new SharedArrayBuffer(TABLE_BYTES))

if (handed === undefined) table[HeadWord.isMain] = isMainThread ? 1 : 0
const isMainTable = table[HeadWord.isMain] === 1

function rowAt(k: number): number {
  return HEAD_WORDS + (k % ROWS) * ROW_WORDS
}

/** The kernel's number of this thread, as /proc shows it; 0 if /proc cannot be read. */
function ownTask(): number {
  try {
    const task = readlinkSync('/proc/thread-self')
    return Number(task.slice(task.lastIndexOf('/') + 1))
  } catch {
    return 0
  }
}

const isTaskThere = (task: number): boolean => existsSync(`/proc/self/task/${task}`)

/** The kernel's number of this thread once it is listed. If /proc shows this thread, it shows the other threads too. */
let listedTask = 0

/** Lists this thread under a name. Returns false if all rows are taken. */
function list(low: number, high: number): boolean {
  for (let tries = 0; tries < ROWS; tries++) {
    // Rows are taken in turn, so that a thread that has ended stays in the table for as long as possible.
    const row = rowAt(Atomics.add(table, HeadWord.taken, 1) >>> 0)
    const seen = Atomics.load(table, row + RowWord.thread)
    const own = threadId + 1
    if (seen > 0 || Atomics.compareExchange(table, row + RowWord.thread, seen, own) !== seen) continue
    Atomics.store(table, row + RowWord.low, 0)
    Atomics.store(table, row + RowWord.high, high)
    Atomics.store(table, row + RowWord.parent, (handed?.parent ?? -1) + 1)
    listedTask = ownTask()
    Atomics.store(table, row + RowWord.task, listedTask)
    // The lower half of the name is stored last, because readers find the row by it.
    Atomics.store(table, row + RowWord.low, low)
    return true
  }
  return false
}

/**
 * Whether a thread has ended when its Worker has an `exit` event. Deno (2.9) sends that event at once when a Worker is terminated, and
 * never ends a thread that is in a loop or waits.
 */
const exitIsEnd = runtime !== 'deno'

/** Strikes a thread off the table, and all Workers that it had started if they end with it. */
function strike(thread: number): void {
  for (let k = 0; k < ROWS; k++) {
    const row = rowAt(k)
    const seen = Atomics.load(table, row + RowWord.thread)
    if (seen === thread + 1) Atomics.compareExchange(table, row + RowWord.thread, seen, -seen)
    else if (exitIsEnd && seen > 0 && Atomics.load(table, row + RowWord.parent) === thread + 1)
      strike(seen - 1)
  }
}

let isWatching = false

/** Hands the table down to the Workers that this thread starts from now on, and watches them end. */
function watchWorkers(): void {
  if (isWatching) return
  isWatching = true
  setEnvironmentData(KEY, { table: table.buffer, parent: threadId })
  if (!exitIsEnd) return
  process.on('worker', (worker: Worker) => {
    const thread = worker.threadId
    if (thread > 0)
      worker.once('exit', () => {
        strike(thread)
      })
  })
}

/** Lists a thread of the native backend, so that portable threads know whether it lives. */
export function listNativeThread(low: number, high: number): void {
  list(low, high)
  watchWorkers()
}

let own = 0

/** The name of this thread in the lower half of a word, unique in the process. The first call lists the thread. */
export function portableThread(): number {
  if (own !== 0) return own
  const name = portableOwner(Family.main, threadId)
  const isListed = isMainTable && list(name, 0)
  own = isListed ? name : portableOwner(Family.other, threadId)
  if (!isMainTable) list(own, 0)
  watchWorkers()
  return own
}

/** The time in milliseconds, by a clock that native threads share. */
export function now(): number {
  return Number(nanoseconds() / 1_000_000n)
}

/** The row of an owner; undefined if the owner is not in the table. */
function rowOf({ low, high, kind }: OwnerWord): number | undefined {
  for (let k = 0; k < ROWS; k++) {
    const row = rowAt(k)
    if (Atomics.load(table, row + RowWord.low) >>> 0 !== low) continue
    if (kind === 'native' && Atomics.load(table, row + RowWord.high) >>> 0 !== high) continue
    return row
  }
  return undefined
}

/** Whether an owner lives according to the table; undefined if it is not in the table. */
function isListedAlive(word: OwnerWord): boolean | undefined {
  const row = rowOf(word)
  if (row === undefined) return undefined
  const thread = Atomics.load(table, row + RowWord.thread)
  const task = Atomics.load(table, row + RowWord.task)
  if (thread <= 0) return false
  if (task === 0 || isTaskThere(task) || listedTask === 0 || !isTaskThere(listedTask)) return true
  strike(thread - 1)
  return false
}

/** The `threadId` of the thread that owns a word; undefined if the owner is not in this thread's table. */
export function threadIdOf(word: OwnerWord): number | undefined {
  const row = word.kind === null ? undefined : rowOf(word)
  if (row === undefined) return undefined
  // The number is negative if the thread has ended.
  return Math.abs(Atomics.load(table, row + RowWord.thread)) - 1
}

/**
 * Whether the owner in a word lives; undefined if this thread cannot know. It cannot know this of a native thread that is not
 * in the table, nor of a portable thread outside the table whose word has no lease.
 */
export function isOwnerAlive(word: OwnerWord): boolean | undefined {
  if (word.kind === null) return false
  const listed = isListedAlive(word)
  if (listed !== undefined) return listed
  if (word.kind === 'native') return undefined
  if (word.family === Family.main && isMainTable) return false
  return word.high === 0 ? undefined : isLeaseRunning(word.high, now())
}
