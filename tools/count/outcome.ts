/**
 * The result of a count, as `--json` prints it.
 *
 * @module
 */
import type { Info } from 'rseq'
import type { Failure } from './files.js'
import type { Totals } from './wc.js'

/** The counts in one shard of the counters. `cpu` is null for the overflow shard. */
export interface Share extends Totals {
  cpu: number | null
  files: number
}

/** The result of the comparison with `wc`. */
export interface Check {
  equal: boolean
  /** The counts of `wc`; null if it could not be run. */
  wc: Totals | null
  /** The reason why the counts differ or could not be compared; null if they are equal. */
  reason: string | null
}

export interface Outcome extends Totals {
  files: number
  /** The seconds from the start of the first worker to the end of the last worker. */
  seconds: number
  workers: number
  backend: Info['backend']
  tier: Info['tier']
  /** The shards that hold anything. On the portable backend a shard belongs to threads, not to a CPU. */
  shares: Share[]
  failures: Failure[]
  /** The comparison with `wc`; null without `--check`. */
  check: Check | null
}
