/**
 * The memory of an {@link Rcu}: a header, and a slot for each thread that may read. A slot is a line with what its thread says
 * about its reads, and a mutex, which the thread has as long as the slot is its own: so every thread can prove that it has ended.
 *
 *     0        128                  256            768
 *     +--------+--------------------+--------------+----
 *     | header | count, thread      | mutex        | ...
 *     +--------+--------------------+--------------+----
 *              <- slot 0 ---------------------------> <- slot 1 ...
 *
 * @module
 */
import { checkInteger } from '../core/errors.js'
import { Kind, LOCK_LENGTH, RCU_MAGIC, otherContent, refusedBuffer } from '../core/layout.js'
import { checkOptions } from '../core/options.js'
import { choice } from '../runtime/backend.js'
import { checkBuffer, formatRegion, newMemory } from '../runtime/region.js'

const VERSION = 1
const HEADER_BYTES = 128
const SLOT_BYTES = 640
/** Bytes from the beginning of a slot to its mutex. */
const MUTEX = 128
const Word = { magic: 0, version: 1, slots: 2, isFenced: 3 } as const
/**
 * Positions of a slot's words of 32 bits. `count` is odd while the slot's thread is inside a read, and grows by 1 at each begin and end.
 * `thread` is the `threadId` plus 1 of the thread that took the slot last, or 0.
 */
const SlotWord = { count: 0, thread: 1 } as const
const THREADS = 64
const MOST_THREADS = 4096
const AN_RCU = 'the buffer of an Rcu'

/** Options of a new {@link Rcu}. */
export interface RcuOptions {
  /** How many threads may read at a time: 1 to 4096, by default 64. Each takes 640 bytes of memory. */
  threads?: number
}

/** Executes a fence on every CPU that runs a thread of this process. False if that is not possible here. */
export function fenceAll(): boolean {
  return choice.native?.fence() ?? false
}

/** Makes the memory of a new object. */
export function newRcuMemory(options: RcuOptions): SharedArrayBuffer {
  const { threads = THREADS } = checkOptions('options', options, ['threads'])
  const slots = checkInteger('threads', threads, 1, MOST_THREADS)
  const buffer = newMemory(HEADER_BYTES + slots * SLOT_BYTES, ['threads', slots])
  for (let slot = 0; slot < slots; slot++) {
    const mutex = new Uint8Array(buffer, mutexAt(slot), SLOT_BYTES - MUTEX)
    formatRegion(mutex, Kind.mutex, LOCK_LENGTH, 'i64', 'cpu', 1)
  }
  const header = new Int32Array(buffer)
  header[Word.magic] = RCU_MAGIC
  header[Word.version] = VERSION
  header[Word.slots] = slots
  header[Word.isFenced] = Number(fenceAll())
  return buffer
}

/** What a header says. */
export interface RcuHeader {
  readonly slots: number
  /** Whether readers store without a fence, because those who wait for them execute fences on all CPUs. */
  readonly isFenced: boolean
}

/** Reads and checks the header. @throws TypeError, RangeError if it is none. */
export function readRcuHeader(buffer: unknown): RcuHeader {
  checkBuffer(buffer, AN_RCU)
  if (buffer.byteLength < HEADER_BYTES) throw refusedBuffer(AN_RCU, 'is too short')
  const header = new Int32Array(buffer, 0, HEADER_BYTES / 4).slice()
  if (header[Word.magic] !== RCU_MAGIC) throw refusedBuffer(AN_RCU, otherContent(buffer))
  if (header[Word.version] !== VERSION) throw refusedBuffer(AN_RCU, 'was made by another version of it')
  const slots = header[Word.slots] as number
  const isFenced = header[Word.isFenced] as number
  const fits = slots >= 1 && slots <= MOST_THREADS && buffer.byteLength === HEADER_BYTES + slots * SLOT_BYTES
  if (!fits || isFenced >>> 0 > 1) throw refusedBuffer(AN_RCU, 'was overwritten')
  return { slots, isFenced: isFenced === 1 }
}

/** The position of a slot's count in an Int32Array over the buffer. */
export function countAt(slot: number): number {
  return (HEADER_BYTES + slot * SLOT_BYTES) / Int32Array.BYTES_PER_ELEMENT + SlotWord.count
}

/** The position of the number of a slot's thread. */
export function threadAt(slot: number): number {
  return countAt(slot) + SlotWord.thread
}

/** The offset of a slot's mutex in bytes. */
export function mutexAt(slot: number): number {
  return HEADER_BYTES + slot * SLOT_BYTES + MUTEX
}
