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
import { runtime, unlessForbidden } from '../core/runtime.js'

const MILLISECOND = 1_000_000n
const origin = BigInt(Math.round(performance.timeOrigin * 1000)) * 1000n

/** The time in nanoseconds; times of different threads of the process can be compared. */
export const now: () => bigint =
  runtime === 'node'
    ? (): bigint => process.hrtime.bigint()
    : (): bigint => origin + BigInt(Math.round(performance.now() * 1e6))

/**
 * How many nanoseconds the machine had been suspended in total at `time`, plus a constant; exact to a hundredth of a second on
 * Node, and to a second on Bun and Deno. Always 0 if the runtime forbids reading the machine's uptime, as Deno does without
 * `--allow-sys`: suspends are then not noticed.
 */
function suspendedUntil(time: bigint): bigint {
  return unlessForbidden(() => BigInt(Math.round(uptime() * 1000)) * MILLISECOND - time, 0n)
}

/**
 * A smaller change of the suspended time, in nanoseconds, is ignored: it may come from the resolution of {@link suspendedUntil}. Bun
 * and Deno tell the uptime in whole seconds.
 */
const SLACK = (runtime === 'node' ? 50n : 1050n) * MILLISECOND
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
  if (time - log.noted >= SAMPLE_EVERY) log.note(time, suspendedUntil(time))
}

/** The wall-clock time of a moment of {@link now}, in nanoseconds since 1970; see `wall_ns()` in `native/rseq/clocks.h`. */
export function wallTime(time: bigint): bigint {
  const current = now()
  log.note(current, suspendedUntil(current))
  const suspended = log.at(current) - log.at(time)
  return BigInt(Date.now()) * MILLISECOND - (current - time) - suspended
}

noteClocks()
