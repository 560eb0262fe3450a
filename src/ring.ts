import { backend } from './backend.js'
import { checkChoice, checkInteger, checkObject, rangeError, typeError } from './errors.js'
import {
  INDEXES,
  type IndexName,
  LEAST_RING,
  MOST_RING,
  POLICIES,
  type PolicyName,
  RingWake,
  Status,
} from './layout.js'
import type { Handle } from './operations.js'
import { AdoptedBuffer, OverBuffer, createRing, openRing } from './region.js'
import { remoteError } from './remote-errors.js'
import { RingReader, callReader } from './ring-reader.js'
import type { RingRecord } from './ring-record.js'

/** What an iteration looks at: an AbortSignal, which declarations without those of Node or a browser do not know. */
export interface Abortable {
  readonly aborted: boolean
}

/** Options of a new {@link PerCpuRing}. */
export interface RingOptions {
  /**
   * What becomes of a record that finds no room: `discard` (the default) counts and refuses it; `overwrite` puts it over
   * the oldest ones, which makes a flight recorder.
   */
  policy?: PolicyName
  /** What numbers the shards: the `cpu` (the default) or the `concurrency` id; see {@link CounterOptions}. */
  index?: IndexName
}

const { ringWrite, ringTryWrite } = backend.operations
const { rings } = backend

/** Constants of this module: see counters.ts. */
const OK = Status.ok
const WAITING = RingWake.waiting

/** Records that an iteration takes out of the ring before it hands them out. */
const TAKEN_AT_ONCE = 256

function newRing(bytesPerCpu: unknown, options: unknown): SharedArrayBuffer {
  const wanted = checkInteger('bytesPerCpu', bytesPerCpu, LEAST_RING, MOST_RING)
  const { index, policy }: RingOptions = checkObject(
    'options',
    options,
    "an object such as { policy: 'discard' }",
  )
  const capacity = 2 ** Math.ceil(Math.log2(wanted))
  return createRing(capacity, checkChoice('index', index, INDEXES), checkChoice('policy', policy, POLICIES))
}

/**
 * A ring of records for each CPU: many threads write, one reads. Records have any length, and each says on which
 * CPU, by which thread and when it was written.
 *
 * {@link write} is one restartable sequence, which copies the record and commits it: it is there whole or not at all,
 * also if the thread is terminated in the middle. Within a CPU, the order of records is that of their times. What
 * becomes of a record that finds no room is the ring's `policy`.
 *
 * It takes (possible CPUs + 1) x (bytesPerCpu, rounded up to a power of two, + 256) bytes and at most 256 more, and 4 KiB
 * in each thread that opens it. Of bytesPerCpu, each record takes 24 bytes and its own, rounded up to 8.
 *
 * @example
 * ```ts
 * const log = new PerCpuRing(1 << 16)
 * log.write(new TextEncoder().encode('hello')) // in any worker: PerCpuRing.from(log.buffer)
 * log.drain(({ bytes, cpu, time }) => console.log(time, cpu, new TextDecoder().decode(bytes)))
 * ```
 */
export class PerCpuRing extends OverBuffer {
  readonly #ring = openRing(this.buffer)
  readonly #handle: Handle = this.#ring.handle
  readonly #scratch = this.#ring.scratch
  readonly #longest = this.#ring.longest
  readonly #wake = this.#ring.wake
  readonly #reader = new RingReader(this.#ring)
  /** What an iteration has taken and not yet handed out. */
  readonly #taken: RingRecord[] = []

  /**
   * Empty rings.
   *
   * @param bytesPerCpu - how many bytes each CPU's ring has, 256 to 2**30; rounded up to a power of two.
   * @throws TypeError, RangeError for a size or an option that does not exist.
   */
  constructor(bytesPerCpu: number, options: RingOptions = {}) {
    super(options instanceof AdoptedBuffer ? options.buffer : newRing(bytesPerCpu, options))
  }

  /**
   * Opens the rings that another thread made.
   *
   * @param buffer - their {@link buffer}, as received by `workerData` or a message.
   * @throws TypeError if it is no SharedArrayBuffer.
   * @throws RangeError if it is too short, made by another layout version, of another kind, or damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuRing {
    return new PerCpuRing(0, new AdoptedBuffer(buffer) as RingOptions)
  }

  /** Bytes of each CPU's ring: as asked for, rounded up to a power of two. */
  get capacity(): number {
    return this.#ring.capacity
  }

  /** What becomes of a record that finds no room. */
  get policy(): PolicyName {
    return this.#ring.policy
  }

  /** What numbers the shards: as asked for, but `cpu` where the kernel has no concurrency id. */
  get index(): IndexName {
    return this.#ring.index
  }

  /** The longest record, in bytes: a quarter of the capacity less 24, at most 4096, so that writing stays short. */
  get longest(): number {
    return this.#longest
  }

  /**
   * Writes a record. False if it found no room and was counted as {@link dropped}, which a ring with the policy
   * `overwrite` never answers. O(length): for 64 bytes, some 40 ns.
   *
   * Where sections cannot serve (the CPU is stopped, or this thread has no rseq), the record goes to the overflow ring, of
   * the same size and behind a lock.
   *
   * @param bytes - a Uint8Array, a Buffer for one, of at most {@link longest} bytes. They are copied; if another thread
   *   writes them meanwhile, the record has some of either.
   * @throws TypeError, RangeError if it is something else, or longer.
   * @throws RegionCorruptError if something has written over the memory.
   */
  write(bytes: Uint8Array): boolean {
    if (!(bytes instanceof Uint8Array)) throw typeError('bytes', 'a Uint8Array', bytes)
    const { length } = bytes
    if (length > this.#longest) throw this.#tooLong(length)
    this.#scratch.set(bytes)
    const status = ringTryWrite(this.#handle, length)
    if (status === OK && this.#wake[WAITING] === 0) return true
    return this.#afterWrite(status, length)
  }

  /** Writes what one attempt did not, or says why not; and calls a reader that waits. */
  #afterWrite(tried: Status, length: number): boolean {
    // An outcome of the section's, which may come to something yet; or the last word.
    const isOpen = tried !== OK && tried < Status.badHandle
    const status = isOpen ? ringWrite(this.#handle, length) : tried
    if (this.#wake[WAITING] !== 0) callReader(this.#wake)
    if (status === OK || status === Status.full) return status === OK
    if (status === Status.outOfRange) throw this.#tooLong(length)
    throw remoteError(-status, 'ring')
  }

  #tooLong(length: number): RangeError {
    return rangeError('bytes', `a Uint8Array of at most ${this.#longest} bytes`, length)
  }

  /** How many records were refused for want of room, on all CPUs and in the overflow ring. Exact. */
  get dropped(): number {
    return this.droppedPerCpu().reduce((sum, count) => sum + count, this.#droppedOf(this.#ring.shards))
  }

  /** How many records each CPU's ring refused. One element for every possible CPU, or concurrency id. */
  droppedPerCpu(): number[] {
    return Array.from({ length: this.#ring.shards }, (_, cpu) => this.#droppedOf(cpu))
  }

  #droppedOf(shard: number): number {
    return rings.dropped(this.#handle, shard)
  }

  /**
   * Reads what has been written: calls `callback` with every record, CPU after CPU, each one's in the order in which
   * they were written; and gives their room back. Writers go on meanwhile; what they write after their CPU's turn began
   * stays for the next time, so that it comes to an end.
   *
   * There is one reader at a time: another waits for it, up to ten seconds. A record is handed out once. But if this
   * thread is terminated in the callback, the next reader gets again what this one had not given back: up to
   * 64 KiB of records. If the callback throws, those that it was called with are gone, and all others stay.
   *
   * @param most - how many records at most.
   * @returns how many there were.
   * @throws Error if another thread reads and does not end, or this one does already, in `callback`; or if the policy is
   *   `overwrite`: a flight recorder is read by {@link snapshot}.
   * @throws RegionCorruptError if something has written over the memory. That much is skipped; the next call goes on.
   */
  drain(callback: (record: RingRecord) => void, most = Infinity): number {
    if (typeof callback !== 'function') throw typeError('callback', 'a function', callback)
    const limit = most === Infinity ? most : checkInteger('most', most, 0, Number.MAX_SAFE_INTEGER)
    this.#checkPolicy('discard', 'drain()', 'snapshot()')
    let count = 0
    for (; count < limit && this.#taken.length > 0; count++) callback(this.#taken.pop() as RingRecord)
    return count + this.#reader.drain(callback, limit - count)
  }

  /**
   * All that comes, for ever: `for await (const record of ring)`. Drains, and waits without blocking the thread where
   * there is nothing; see {@link records}.
   */
  [Symbol.asyncIterator](): AsyncIterator<RingRecord, undefined> {
    return this.records()
  }

  /**
   * The same until `signal` is aborted: then what has been written is handed out still, and the iteration ends.
   *
   * Who waits is called by the next writer, which costs every writer a look at one word and nothing else; and looks
   * itself 20 times a second, for writers on the other backend. It keeps the process running. What was read
   * but not handed out when an iteration is left, the next one of this object gets, or {@link drain}.
   *
   * @throws as {@link drain}, rejecting.
   */
  async *records({ signal }: { signal?: Abortable } = {}): AsyncGenerator<RingRecord, undefined> {
    for (;;) {
      const isLast = signal?.aborted === true
      while (this.#taken.length > 0 || this.#take() > 0) yield this.#taken.pop() as RingRecord
      if (isLast) return
      await this.#reader.wait()
    }
  }

  /** Takes some records out of the ring, the oldest last. */
  #take(): number {
    const taken: RingRecord[] = []
    this.drain((record) => taken.push(record), TAKEN_AT_ONCE)
    for (const record of taken.reverse()) this.#taken.push(record)
    return taken.length
  }

  /**
   * What a flight recorder has: the youngest records of every CPU without a gap, in the order of time. Writers go on
   * meanwhile; what they may have overwritten while it was copied is left out, and so is what something else has written
   * over. Of each CPU, that is the last {@link capacity} bytes less one record of the {@link longest}.
   * O(CPUs x capacity). Does not change anything, and may be called by any number of threads.
   *
   * @throws Error if the policy is `discard`: such a ring is read by {@link drain}; or on the portable backend, for a
   *   ring that restartable sequences write, as it cannot read their clock.
   */
  snapshot(): RingRecord[] {
    this.#checkPolicy('overwrite', 'snapshot()', 'drain()')
    return this.#reader.snapshot()
  }

  /** @throws Error if the ring has another policy. */
  #checkPolicy(wanted: PolicyName, what: string, other: string): void {
    if (this.policy !== wanted) {
      throw new Error(`rseq: ${what} is for rings with the policy '${wanted}'; this one is read by ${other}`)
    }
  }
}
