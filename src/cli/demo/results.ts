/**
 * What `rseq demo` found, as `--json` prints it.
 *
 * @module
 */
import type { Verdict } from './ledger.js'

/** A part that cannot run here. */
export interface Skipped {
  readonly skipped: string
}

/** What became of a counter whose users were killed. */
export interface TotalsResult {
  /** How many threads or processes counted at a time. */
  readonly seats: number
  readonly kills: number
  readonly exact: boolean
  readonly total: number
  readonly confirmed: number
  readonly inFlight: number
  /** The verdicts at the ends of the rounds, when nobody counted. */
  readonly checks: readonly Verdict[]
  /** What the controls have lost of the additions: a plain load and store on one word, and messages of each one's own count. */
  readonly lost: { readonly plain: number; readonly messages: number }
}

/** What one way to count costs. */
export interface CostRow {
  /** `counter`, `atomics`, `message`, or the module whose `inc()` it is, without or with labels. */
  readonly name: string
  /** CPU time of an update in nanoseconds, of all threads of the process that take part: medians over the rounds. */
  readonly oneThread: number
  readonly threads: number
}

/** What updates cost. */
export interface CostResult {
  readonly rounds: number
  /** The number of threads of the second figure. */
  readonly threads: number
  readonly rows: readonly CostRow[]
  /** Which part of the CPUs' time several threads had; less than 1 where other programs run. */
  readonly coverage: number
  /** The version of prom-client that was measured; null if the user has none installed. */
  readonly promClient: string | null
}

/** An event that was read from the recorder. */
export interface RecordedEvent {
  readonly number: number
  /** Milliseconds before the kill; negative if it was recorded after the kill was asked for. */
  readonly msBefore: number
  readonly cpu: number
  readonly text: string
}

/** What the recorder had after the crash. */
export interface RecorderResult {
  readonly killed: 'process' | 'thread'
  /** Why a thread was killed and no process; null if it was a process. */
  readonly reason: string | null
  /** Events that the killed one had counted after it had recorded them. */
  readonly confirmed: number
  /** The number of the newest event in the recorder: `confirmed`, or one more. */
  readonly newest: number
  /** Events that are missing among those that the recorder has. */
  readonly gaps: number
  readonly complete: boolean
  readonly last: readonly RecordedEvent[]
}

/** What the demo found. Parts that were left out, by `--only` or by an interruption, are null. */
export interface DemoResults {
  machine: {
    readonly backend: string
    readonly tier: string
    readonly reason: string | null
    readonly platform: string
    readonly cpus: number
    readonly node: string
  }
  threads: TotalsResult | null
  processes: TotalsResult | Skipped | null
  cost: CostResult | null
  recorder: RecorderResult | null
  /** The signal that ended the demo early; null if none did. */
  interrupted: string | null
  /** Whether each total and the recorder were right. False if the demo was interrupted. */
  passed: boolean
}
