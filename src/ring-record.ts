/**
 * Records as a ring's reader gets them.
 *
 * @module
 */
import { READ_FRAME, paddedRecord } from './layout.js'

/** A record of a {@link PerCpuRing}. */
export interface RingRecord {
  /** What was written: a copy, that stays as it is. Those that were read at once may share an ArrayBuffer. */
  readonly bytes: Uint8Array
  /** The CPU where it was written. */
  readonly cpu: number
  /** The thread that wrote it, by the kernel's id: what `top -H` and `gdb` call it. On the portable backend, a number of its own. */
  readonly thread: number
  /** When it was written, in nanoseconds: comparable with `process.hrtime.bigint()`. */
  readonly time: bigint
  /** Whether it came by way of the overflow ring, which is beside the order of its CPU. */
  readonly overflow: boolean
}

/**
 * Calls `each` with every record that a reader has put into `chunk`, as long as it answers true. `chunk` is all of
 * its ArrayBuffer.
 */
export function forEachRecord(
  chunk: Uint8Array,
  overflow: boolean,
  each: (record: RingRecord) => boolean,
): void {
  const { buffer, byteLength } = chunk
  const words = new Uint32Array(buffer)
  const times = new BigInt64Array(buffer)
  for (let at = 0; at < byteLength;) {
    const meta = words[at / 4] as number
    const length = meta & 0xffff
    const record = {
      bytes: new Uint8Array(buffer, at + READ_FRAME, length),
      cpu: meta >>> 16,
      thread: words[at / 4 + 1] as number,
      time: times[at / 8 + 1] as bigint,
      overflow,
    }
    if (!each(record)) return
    at += READ_FRAME + paddedRecord(length)
  }
}
