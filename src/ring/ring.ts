import { summary } from '../core/describe.js'
import { checkOpen, own } from '../runtime/disposal.js'
import { types } from 'node:util'
import { backend } from '../runtime/backend.js'
import { checkChoice, checkInteger, rangeError, typeError } from '../core/errors.js'
import {
  INDEXES,
  type IndexName,
  LEAST_RING,
  LONGEST_RECORD,
  MOST_RING,
  POLICIES,
  type PolicyName,
  RingWake,
  SHORT_RECORD,
  Status,
  TOO_LONG,
  type TooLong,
  scratchSize,
  refusedBuffer,
} from '../core/layout.js'
import type { Handle } from '../core/operations.js'
import { type Abortable, checkAbortable } from '../core/abort.js'
import { checkOptions } from '../core/options.js'
import { A_BUFFER, AdoptedBuffer, RegionHolder, bufferFor, createRing, openRing } from '../runtime/region.js'
import { remoteError } from '../runtime/remote-errors.js'
import { RingReader, callReader } from './ring-reader.js'
import type { RingRecord } from './ring-record.js'

/** Options of a new {@link PerCpuRing}. */
export interface RingOptions {
  /**
   * What a full ring does with a new record: `discard` (the default) drops and counts it; `overwrite` replaces the oldest
   * records, which makes the ring a flight recorder.
   */
  policy?: PolicyName
  /** What numbers the shards: the `cpu` (the default) or the `concurrency` id; see {@link CounterOptions}. */
  index?: IndexName
  /**
   * What {@link PerCpuRing.write} does with a record that is longer than {@link PerCpuRing.longest}: `throw` (the default)
   * throws a RangeError; `truncate` writes its first bytes and sets {@link RingRecord.truncated}; `drop` counts it in
   * {@link PerCpuRing.dropped}. The option applies to all threads that write to the ring.
   */
  tooLong?: TooLong
}

/** Options of an iteration over a {@link PerCpuRing}. */
export interface IterationOptions {
  /** When this signal is aborted, the iteration ends. */
  signal?: Abortable
}

const { ringWrite, ringTryWrite } = backend.operations
const { waiting } = backend
const { rings } = backend

/** Constants of this module: see counters.ts. */
const OK = Status.ok
const WAITING = RingWake.waiting

/** The buffer through which this thread writes long records. All rings share it. */
let longScratch: Uint8Array | undefined

const OPTIONS = ['policy', 'index', 'tooLong'] as const

/** The key of the buffer that holds the next record. A layer above puts a record of at most {@link SHORT_RECORD} bytes there. */
export const scratchOf: unique symbol = Symbol('rseq: scratch')

/** The key of the method that writes the first bytes of that buffer as a record. */
export const writeScratch: unique symbol = Symbol('rseq: write scratch')

function newRing(bytesPerCpu: unknown, options: RingOptions): SharedArrayBuffer {
  const wanted = checkInteger('bytesPerCpu', bytesPerCpu, LEAST_RING, MOST_RING)
  const { index, policy } = checkOptions('options', options, OPTIONS)
  const capacity = 2 ** Math.ceil(Math.log2(wanted))
  return createRing(capacity, checkChoice('index', index, INDEXES), checkChoice('policy', policy, POLICIES))
}

/**
 * A ring buffer of records for each CPU: many threads write, one thread reads. A record has any length up to
 * {@link longest}. It carries its CPU, its thread and its time.
 *
 * {@link write} is one restartable sequence, which copies the record and commits it. The record is in the ring completely or
 * not at all, even if the thread is terminated during the call. The records of a CPU are in the order of their times. The
 * ring's `policy` says what happens when a ring is full.
 *
 * Memory: (possible CPUs + 1) x (bytesPerCpu, rounded up to a power of two, + 256) bytes and at most 256 more; 4 KiB in each
 * thread that opens the ring; and 64 KiB once in a thread that writes records of more than 4 KiB. Each record takes 24 bytes
 * of its CPU's ring and its own length, rounded up to 8; and 8 bytes for its time on machines whose kernel reads another clock
 * than the CPU's counter, such as kvm-clock in many virtual machines.
 *
 * @example
 * ```ts
 * const log = new PerCpuRing(1 << 16)
 * log.write(new TextEncoder().encode('hello')) // in any worker: PerCpuRing.from(log.buffer)
 * log.drain(({ bytes, cpu, time }) => console.log(time, cpu, new TextDecoder().decode(bytes)))
 * ```
 */
export class PerCpuRing extends RegionHolder {
  readonly #ring = own(this, openRing(this.buffer))
  readonly #handle: Handle = this.#ring.handle
  readonly #scratch = this.#ring.scratch
  readonly #short = Math.min(this.#ring.longest, SHORT_RECORD)
  readonly #wake = this.#ring.wake
  readonly #reader = new RingReader(this.#ring)

  /**
   * Makes empty rings.
   *
   * @param bytesPerCpu - the size of each CPU's ring in bytes, 256 to 2**30; rounded up to a power of two.
   * @param options - what the ring does when it is full, what numbers the shards, and what it does with long records.
   * @throws TypeError if an argument has the wrong type or an option is unknown; RangeError if a value is out of range, or
   *   the memory is not available.
   */
  constructor(bytesPerCpu: number, options: RingOptions = {}) {
    super(bufferFor('PerCpuRing', [bytesPerCpu, options], () => newRing(bytesPerCpu, options)))
    if (options instanceof AdoptedBuffer) {
      if (this.#tooLongCode() in TOO_LONG) return
      throw refusedBuffer(A_BUFFER, 'was overwritten')
    }
    this.#wake[RingWake.tooLong] = TOO_LONG.indexOf(checkChoice('tooLong', options.tooLong, TOO_LONG))
  }

  #tooLongCode(): number {
    return this.#wake[RingWake.tooLong] as number
  }

  /**
   * Opens the rings that another thread made.
   *
   * @param buffer - their {@link PerCpuRing.buffer}, received by `workerData` or a message.
   * @throws TypeError if `buffer` is no SharedArrayBuffer.
   * @throws RangeError if `buffer` is too short, has another layout version or another kind of content, or is damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuRing {
    return new PerCpuRing(0, new AdoptedBuffer(buffer) as RingOptions)
  }

  /**
   * Closes this object in this thread. A running {@link drain} or iteration of it ends, and its last record counts as read.
   * Every later operation of this object throws an Error. The second call does nothing.
   */
  override [Symbol.dispose](): void {
    this.#reader.close()
    super[Symbol.dispose]()
  }

  /** The size of each CPU's ring in bytes, a power of two. */
  get capacity(): number {
    return this.#ring.capacity
  }

  /** What a full ring does with a new record. */
  get policy(): PolicyName {
    return this.#ring.policy
  }

  /** What numbers the shards: the requested index, or `cpu` if the kernel has no concurrency ids. */
  get index(): IndexName {
    return this.#ring.index
  }

  /** The longest record, in bytes: a quarter of the capacity less 24, at most 64 KiB less 24. */
  get longest(): number {
    return this.#ring.longest
  }

  /** What the ring does with a record that is longer than {@link longest}. */
  get tooLong(): TooLong {
    checkOpen(this)
    return TOO_LONG[this.#tooLongCode()] ?? 'throw'
  }

  /**
   * Writes a record. O(length): about 40 ns for 64 bytes.
   *
   * If the CPU is stopped or this thread has no rseq, the record goes to the overflow ring, which has an equal size and is
   * behind a lock.
   *
   * @param bytes - a Uint8Array, such as a Buffer. The option {@link tooLong} says what happens if it is longer than
   *   {@link longest}. The call copies the bytes. If another thread changes them during the copy, the record holds a mix of old
   *   and new bytes.
   * @returns true if the record was written; false if it was counted in {@link dropped}. A record is dropped if a ring with
   *   the policy `discard` has no room for it, or if it is too long for a ring with `tooLong: 'drop'`.
   * @throws TypeError if `bytes` is no Uint8Array; RangeError if it is too long for a ring with `tooLong: 'throw'`.
   * @throws RegionCorruptError if something has written over the memory.
   */
  write(bytes: Uint8Array): boolean {
    // A Uint8Array of another realm is no instance of this realm's class.
    if (!(bytes instanceof Uint8Array) && !types.isUint8Array(bytes)) {
      throw typeError('bytes', 'a Uint8Array', bytes)
    }
    const { length } = bytes
    if (length > this.#short) return this.#writeLong(bytes, length)
    this.#scratch.set(bytes)
    return this[writeScratch](length)
  }

  /** @internal */
  get [scratchOf](): Uint8Array {
    return this.#scratch
  }

  /**
   * Writes the first `length` bytes of the scratch; see {@link write}.
   *
   * @internal
   */
  [writeScratch](length: number): boolean {
    const status = ringTryWrite(this.#handle, length)
    // Barrier L: pairs with M in src/ring/ring-reader.ts. The reader's fence stands between the commit and this load.
    if (status === OK && this.#wake[WAITING] === 0) return true
    return this.#afterWrite(status, length)
  }

  /** Finishes a write after its first attempt: repeats the write if that can help, and wakes a waiting reader. */
  #afterWrite(tried: Status, length: number): boolean {
    // A section's outcome below badHandle may change with another attempt; a status from badHandle on is final.
    const isOpen = tried !== OK && tried < Status.badHandle
    let status = isOpen ? ringWrite(this.#handle, length) : tried
    if (status === Status.busy) status = waiting.ringWrite(this.#handle, length)
    return this.#outcome(status, length)
  }

  /**
   * Writes a record that does not fit into the ring's own scratch. A subclass of Uint8Array can override `length`, so the
   * value is not trusted.
   */
  #writeLong(bytes: Uint8Array, length: number): boolean {
    const { longest } = this.#ring
    const isTooLong = length > longest
    if (isTooLong && this.tooLong === 'throw') throw this.#tooLongError(length)
    if (isTooLong && this.tooLong === 'drop') return this.#outcome(-rings.drop(this.#handle), length, false)
    longScratch ??= new Uint8Array(new ArrayBuffer(scratchSize(LONGEST_RECORD)))
    const written = isTooLong ? longest : length
    longScratch.set(isTooLong ? bytes.subarray(0, longest) : bytes)
    return this.#outcome(-rings.writeFrom(this.#handle, longScratch, written, isTooLong), length)
  }

  /** Wakes a waiting reader. Returns `done` if the write succeeded and false if the ring was full; throws for other errors. */
  #outcome(status: number, length: number, done = true): boolean {
    if (this.#wake[WAITING] !== 0) callReader(this.#wake)
    if (status === OK) return done
    if (status === Status.full) return false
    if (status === Status.outOfRange) throw this.#tooLongError(length)
    throw remoteError(-status, 'ring')
  }

  #tooLongError(length: number): RangeError {
    return rangeError('bytes', `a Uint8Array of at most ${this.#ring.longest} bytes`, length)
  }

  /**
   * The exact number of records of all CPUs that were not written: the ring had no room, or they were too long for a ring with
   * `tooLong: 'drop'`. O(possible CPUs).
   */
  get dropped(): number {
    return this.droppedPerCpu().reduce((sum, count) => sum + count, this.#droppedOf(this.#ring.shards))
  }

  /** Returns the number of records dropped by the ring of every possible CPU or concurrency id. */
  droppedPerCpu(): number[] {
    return Array.from({ length: this.#ring.shards }, (_, cpu) => this.#droppedOf(cpu))
  }

  #droppedOf(shard: number): number {
    const records = rings.dropped(this.#handle, shard)
    if (records < 0) throw remoteError(records, 'ring')
    return records
  }

  /**
   * Reads all records: calls `callback` with the records of one CPU after the other, each CPU's records in the order in which
   * they were written, and gives their room back. Writers continue. Records that they write after the turn of their CPU has
   * begun stay for the next call, so every call ends.
   *
   * A ring has one reader at a time; another reader waits for it for up to ten seconds. Each record is handed out once, with
   * one exception: if this thread is terminated in `callback`, the next reader gets the records again whose room was not given
   * back, up to 64 KiB. If `callback` throws, the records that it was called with are gone, and all other records stay.
   *
   * @param callback - a synchronous function that gets each record.
   * @param most - the largest number of records to read; by default no limit.
   * @returns the number of records read.
   * @throws TypeError or RangeError if an argument is not accepted.
   * @throws Error if another thread reads for ten seconds, if this thread is reading the ring already (for example if
   *   `callback` calls `drain`), or if the policy is `overwrite`: use {@link snapshot} for a flight recorder.
   * @throws RegionCorruptError if something has written over the memory. The call skips the damaged records, and the next call
   *   continues behind them.
   */
  drain(callback: (record: RingRecord) => void, most = Infinity): number {
    if (typeof callback !== 'function') throw typeError('callback', 'a function', callback)
    const limit = most === Infinity ? most : checkInteger('most', most, 0, Number.MAX_SAFE_INTEGER)
    this.#checkPolicy('discard', 'drain()', 'snapshot()')
    return this.#reader.drain(callback, limit)
  }

  /**
   * Iterates over all records without end: `for await (const record of ring)`. The iteration waits for new records without
   * blocking the thread; see {@link records}.
   */
  [Symbol.asyncIterator](): AsyncIterator<RingRecord, undefined> {
    return this.records()
  }

  /**
   * Iterates over all records until `signal` is aborted. Then the iteration still yields the records that were written before,
   * and ends.
   *
   * A record's room is given back when the loop asks for the next record or ends. If the thread is terminated before that, the
   * next reader gets the record again. The thread is the reader while the loop has a record, even while the loop awaits
   * something; another thread that wants to read waits for up to ten seconds. {@link drain} and another iteration of this
   * object end this iteration's claim and continue with the next record. The thread is no reader while the iteration waits.
   *
   * The next writer wakes a waiting iteration; for this, each writer loads one word. The iteration also looks for records 20
   * times a second, because writers on the other backend may not wake it. A waiting iteration keeps the process running.
   *
   * @returns an iterator. The errors of {@link drain} reject the promises of its `next()`.
   * @throws TypeError if an option is unknown or `signal` is not accepted; Error if the policy is `overwrite`.
   */
  records(options: IterationOptions = {}): AsyncGenerator<RingRecord, undefined> {
    const { signal } = checkOptions('options', options, ['signal'])
    const checked = checkAbortable('signal', signal)
    this.#checkPolicy('discard', 'records()', 'snapshot()')
    return this.#iterate(checked)
  }

  async *#iterate(signal: Abortable | undefined): AsyncGenerator<RingRecord, undefined> {
    for (;;) {
      const isLast = signal?.aborted === true
      for (const record of this.#reader.handOut()) yield record
      if (isLast) return
      await this.#reader.wait()
    }
  }

  /**
   * Copies a flight recorder: the youngest records of every CPU without a gap, in the order of their times. Writers continue.
   * The copy leaves out records that a writer may have overwritten during the copy, and records that are damaged. Of each CPU,
   * it covers the last {@link capacity} bytes less one record of the length {@link longest}. O(CPUs x capacity).
   * The call changes nothing, and several threads may make it at the same time.
   *
   * @returns the records; each has a copy of its bytes.
   * @throws Error if the policy is `discard`: use {@link drain} for such a ring. Also on the portable backend if restartable
   *   sequences write the ring, because that backend cannot read their clock.
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

  /** @internal */
  override [summary](): object {
    const { capacity, policy, index, longest, dropped } = this
    return { capacity, policy, index, longest, dropped }
  }
}
