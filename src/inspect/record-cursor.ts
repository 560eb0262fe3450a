/**
 * Goes through the records of a ring without an object for each of them: for exports of millions.
 *
 * @module
 */
import { RECORD_THREAD, RECORD_TIME, RecordBit, paddedRecord } from '../core/layout.js'
import { type Clock, TimeWords } from './clock.js'

const WORD = 8

/** Records that were read at once. The next piece reuses `starts`, but not `bytes`. */
export interface RingPiece {
  readonly bytes: Buffer
  /** Where the records begin in `bytes`, the youngest first. */
  readonly starts: Int32Array
  readonly count: number
}

export function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The frame of a record in a piece, which one object shows after the other. */
export class RecordFrame {
  /** Where the content begins, and its bytes. */
  content = 0
  length = 0
  cpu = 0
  thread = 0
  /** Where the stamp is. */
  stampAt = 0
  /** Whether the record has a stamp of CLOCK_MONOTONIC of its own. */
  hasOwnTime = false
  isTruncated = false

  /** Reads the frame of the record that begins at `at`. */
  read(view: DataView, at: number): void {
    const low = view.getUint32(at, true)
    const flags = view.getUint32(at + 4, true)
    const stored = low & 0xffff
    this.hasOwnTime = (flags & RecordBit.hasTime) !== 0
    this.length = stored - (this.hasOwnTime ? RECORD_TIME : 0)
    this.content = at + WORD
    this.cpu = low >>> 16
    this.thread = flags & RECORD_THREAD
    this.stampAt = this.content + (this.hasOwnTime ? this.length : paddedRecord(stored))
    this.isTruncated = (flags & RecordBit.truncated) !== 0
  }
}

/** Shows the records of one CPU's pieces, one after the other, with their times. */
export class RecordCursor extends RecordFrame {
  /** The bytes in which the record is. */
  bytes: Buffer = Buffer.alloc(0)
  view = viewOf(this.bytes)
  /** Nanoseconds since 1970, in two words of 32 bits: never before those of the record before. */
  high = 0
  low = 0
  #starts: Int32Array = new Int32Array(0)
  #left = 0
  readonly #ticks: TimeWords
  readonly #nanoseconds: TimeWords

  constructor(clock: Clock, areTicks: boolean) {
    super()
    this.#nanoseconds = new TimeWords(clock, false)
    this.#ticks = areTicks ? new TimeWords(clock, true) : this.#nanoseconds
  }

  /** Goes before the first record of a piece. */
  begin({ bytes, starts, count }: RingPiece): void {
    this.bytes = bytes
    this.view = viewOf(bytes)
    this.#starts = starts
    this.#left = count
  }

  /** Goes to the next record of the piece. Returns false behind the last. */
  next(): boolean {
    if (this.#left === 0) return false
    const { view } = this
    this.read(view, this.#starts[--this.#left] as number)
    const times = this.hasOwnTime ? this.#nanoseconds : this.#ticks
    times.read(view.getInt32(this.stampAt + 4, true), view.getUint32(this.stampAt, true))
    if (times.high > this.high || (times.high === this.high && times.low > this.low)) {
      this.high = times.high
      this.low = times.low
    }
    return true
  }
}
