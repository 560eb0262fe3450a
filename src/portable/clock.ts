/**
 * The clock of the portable backend, like `native/rseq/clocks.cc`.
 *
 * On Node it is CLOCK_MONOTONIC, like the clock of the native backend. On Deno and Bun, `process.hrtime` starts anew in each
 * thread, so its values cannot be compared between threads. There, the clock of a thread starts at the wall-clock time of
 * the thread's start and runs steadily from then on.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'
import { uptime } from 'node:os'

const MILLISECOND = 1_000_000n
const origin = BigInt(Math.round(performance.timeOrigin * 1000)) * 1000n

/** Whether `process.hrtime` starts anew in each thread. */
const isElsewhere = process.versions['deno'] !== undefined || process.versions['bun'] !== undefined

/** The time in nanoseconds; times of different threads of the process can be compared. */
export const now: () => bigint = isElsewhere
  ? (): bigint => origin + BigInt(Math.round(performance.now() * 1e6))
  : (): bigint => process.hrtime.bigint()

/** The nanoseconds since the machine started, including the time it was suspended; exact to a hundredth of a second. */
function upSince(): bigint {
  return BigInt(Math.round(uptime() * 1000)) * MILLISECOND
}

/** A smaller change of the suspended time, in nanoseconds, is ignored: it may come from the resolution of {@link upSince}. */
const SLACK = 50n * MILLISECOND
const MOST_ENTRIES = 32
/** {@link noteClocks} takes a new sample when the last one is at least this many nanoseconds old. */
const SAMPLE_EVERY = 1000n * MILLISECOND

/**
 * Remembers how long the machine had been suspended in total at past times; see `SuspendLog` in `native/rseq/clocks.h`. All
 * times are in nanoseconds.
 */
export class SuspendLog {
  readonly #entries: { readonly from: bigint; readonly suspended: bigint }[] = []
  #noted = 0n

  /** When the last sample was taken. */
  get noted(): bigint {
    return this.#noted
  }

  note(time: bigint, suspended: bigint): void {
    if (time < this.#noted) return
    const last = this.#entries.at(-1)
    if (last === undefined) {
      this.#entries.push({ from: time, suspended })
    } else if (suspended - last.suspended > SLACK) {
      if (this.#entries.length === MOST_ENTRIES) this.#entries.splice(0, MOST_ENTRIES / 2)
      this.#entries.push({ from: this.#noted, suspended })
    }
    this.#noted = time
  }

  at(time: bigint): bigint {
    const entry = this.#entries.findLast(({ from }) => from <= time) ?? this.#entries[0]
    return entry?.suspended ?? 0n
  }
}

const log = new SuspendLog()

/** Notes how long the machine was suspended, once a second at most. */
export function noteClocks(time = now()): void {
  if (time - log.noted >= SAMPLE_EVERY) log.note(time, upSince() - time)
}

/** The wall-clock time of a moment of {@link now}, in nanoseconds since 1970; see `wall_ns()` in `native/rseq/clocks.h`. */
export function wallTime(time: bigint): bigint {
  const current = now()
  log.note(current, upSince() - current)
  const suspended = log.at(current) - log.at(time)
  return BigInt(Date.now()) * MILLISECOND - (current - time) - suspended
}

noteClocks()
