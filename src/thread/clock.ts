/**
 * The clock that stamps records, and its conversion to wall-clock time.
 *
 * @module
 */
import { backend } from '../runtime/backend.js'
import { rangeError, typeError } from '../core/errors.js'

/**
 * Returns the time on the clock of {@link RingRecord.time}, in nanoseconds. O(1).
 *
 * The clock is CLOCK_MONOTONIC: nobody can set it, and it stands still while the machine is suspended. On Node,
 * `process.hrtime.bigint()` reads the same clock. On Bun and Deno that function starts with each thread, and only `now()` is
 * comparable with records. On the portable backend of Bun and Deno, the clock is the wall clock as of the start of the
 * thread: times of two threads differ by as much as the wall clock was adjusted between their starts.
 */
export const now: () => bigint = backend.now

/**
 * Converts a time of {@link now}, such as the time of a record, to wall-clock time. O(1).
 *
 * The result is the current wall-clock time minus the time passed since `time`, including suspends of the machine. If the
 * wall clock was set or adjusted since then, the result follows the clock as it is now. The error is at most a microsecond
 * on the native backend and a millisecond on the portable one, before rounding to the milliseconds of a Date.
 *
 * The process notices a suspend when it reads records or calls this function. If it did neither since the last suspend, a
 * time before that suspend is converted too late by the length of the suspend; this may also happen to times within a second
 * before the suspend.
 *
 * @param time - nanoseconds, -(2**63) to 2**63 - 1.
 * @returns the wall-clock time, in whole milliseconds.
 * @throws TypeError if `time` is no bigint; RangeError if it needs more than 64 bits.
 *
 * @example
 * ```ts
 * ring.drain(({ time }) => console.log(toDate(time).toISOString()))
 * ```
 */
export function toDate(time: bigint): Date {
  if (typeof time !== 'bigint') throw typeError('time', 'a bigint, such as a record has as its time', time)
  if (BigInt.asIntN(64, time) !== time) throw rangeError('time', 'nanoseconds of 64 bits', time)
  return new Date(Number(backend.wallTime(time) / 1_000_000n))
}
