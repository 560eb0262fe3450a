/**
 * The records that the reader of a ring gets.
 *
 * @module
 */
import {
  READ_FRAME,
  RECORD_FRAME,
  RECORD_THREAD,
  RECORD_TIME,
  RecordBit,
  paddedRecord,
} from '../core/layout.js'

/** A record of a {@link PerCpuRing}. */
export class RingRecord {
  /** The content, copied to a buffer of its own: no thread changes it, and the program may transfer it. */
  readonly bytes: Uint8Array
  /** The CPU on which the record was written. */
  readonly cpu: number
  /**
   * The kernel's id of the thread that wrote the record, as `top -H` and `gdb` show it. The portable backend uses numbers of
   * its own.
   */
  readonly thread: number
  /**
   * The time at which the record was written, in nanoseconds on the clock of `now()`, which is `process.hrtime.bigint()` on
   * Node. `toDate()` converts it to a date.
   */
  readonly time: bigint
  /** Whether the record was in the overflow ring, whose records are not ordered with those of their CPU. */
  readonly overflow: boolean
  /** Whether `bytes` holds only the first bytes of the record: see `tooLong` of {@link RingOptions}. */
  readonly truncated: boolean

  /** @internal */
  constructor(
    bytes: Uint8Array,
    cpu: number,
    thread: number,
    time: bigint,
    overflow: boolean,
    truncated: boolean,
  ) {
    this.bytes = bytes
    this.cpu = cpu
    this.thread = thread
    this.time = time
    this.overflow = overflow
    this.truncated = truncated
  }

  /** Returns the record for `JSON.stringify`: `bytes` in base64, and `time` as a decimal text. O(length). */
  toJSON(): object {
    const { bytes, cpu, thread, time, overflow, truncated } = this
    const text = Buffer.from(bytes).toString('base64')
    return { bytes: text, cpu, thread, time: String(time), overflow, truncated }
  }
}

/**
 * A buffer into which a backend reads records of one shard, and a cursor over these records. Call `begin()` after each read,
 * and then `next()` until it returns undefined.
 */
export class Chunk {
  /** The buffer that a backend reads into. */
  readonly bytes: Uint8Array
  readonly #words: Uint32Array
  readonly #times: BigInt64Array
  #at = 0
  #end = 0
  #isOverflow = false
  #time = 0n
  #size = 0

  constructor(size: number) {
    const buffer = new ArrayBuffer(size)
    this.bytes = new Uint8Array(buffer)
    this.#words = new Uint32Array(buffer)
    this.#times = new BigInt64Array(buffer)
  }

  /**
   * Starts at the first record of a new read.
   *
   * @param length - the number of bytes that were read.
   * @param isOverflow - whether they come from the overflow ring.
   * @param since - the time of the shard's previous record. No record gets an earlier time than this.
   */
  begin(length: number, isOverflow: boolean, since: bigint): void {
    this.#at = 0
    this.#time = since
    this.#end = length
    this.#isOverflow = isOverflow
  }

  /** The time of the record that `next()` returned last. */
  get time(): bigint {
    return this.#time
  }

  /** The number of bytes that the record returned last by `next()` takes in the ring. */
  get size(): number {
    return this.#size
  }

  /** Returns the next record; undefined after the last record. */
  next(): RingRecord | undefined {
    const at = this.#at
    if (at >= this.#end) return undefined
    const meta = this.#words[at / 4] as number
    const thread = this.#words[at / 4 + 1] as number
    const length = meta & 0xffff
    const begin = at + READ_FRAME
    this.#at = begin + paddedRecord(length)
    this.#size =
      RECORD_FRAME + paddedRecord((thread & RecordBit.hasTime) === 0 ? length : length + RECORD_TIME)
    const time = this.#times[at / 8 + 1] as bigint
    if (time > this.#time) this.#time = time
    return new RingRecord(
      this.bytes.slice(begin, begin + length),
      meta >>> 16,
      thread & RECORD_THREAD,
      this.#time,
      this.#isOverflow,
      (thread & RecordBit.truncated) !== 0,
    )
  }
}
