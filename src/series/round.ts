/**
 * How readers know that a process goes on: at least every second it runs the `collect()` functions of its metrics, and then
 * notes the time. A process whose note is older than {@link STALE_MS} does not answer; the gauges that it has are old.
 *
 * A note is the machine's monotonic clock in milliseconds, in 32 bits; 0 if the process collects nothing.
 *
 * @module
 */

/** The age, in milliseconds, from which on the values of a process are stale: five rounds. */
export const STALE_MS = 5000
const NS_PER_MS = 1_000_000n

/** The name of the metric that says which processes are stale. */
export const STALE_NAME = 'rseq_process_stale_seconds'
/** Its help text. */
export const STALE_HELP =
  'Seconds since a living process last ran its collect() functions, of processes for which that is 5 or more.'

/** Returns the note of this moment. */
export function roundNow(): number {
  // A process that notes its round in the one millisecond of 49 days that is 0 notes the next one.
  return Number(BigInt.asIntN(32, process.hrtime.bigint() / NS_PER_MS)) || 1
}

/** Returns how many milliseconds ago a note was made; 0 for no note. */
function ageOf(note: number): number {
  return note === 0 ? 0 : Math.max(0, (roundNow() - note) | 0)
}

/** Returns the stale ones of the living processes: their columns, and the seconds since their last rounds. */
export function staleOf(
  living: readonly number[],
  noteOf: (column: number) => number,
): [column: number, seconds: number][] {
  return living
    .map((column): [number, number] => [column, ageOf(noteOf(column)) / 1000])
    .filter(([, seconds]) => seconds * 1000 >= STALE_MS)
}
