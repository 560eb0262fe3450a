/**
 * The frames of a ring's records.
 *
 * @module
 */
import { RECORD_THREAD, RECORD_TIME, RecordBit, paddedRecord } from '../core/layout.js'

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
