/**
 * What a count found, as `--json` prints it.
 *
 * @module
 */
import type { Info } from '../../index.js'
import type { Failure } from './files.js'
import type { Totals } from './wc.js'

/** What one shard of the counters holds; `cpu` is null for the overflow shard. */
export interface Share extends Totals {
  cpu: number | null
  files: number
}

/** What comparing with `wc` gave. */
export interface Check {
  equal: boolean
  /** What `wc` counted; null if it could not be run. */
  wc: Totals | null
  /** Why it is not equal or could not be compared; null if it is. */
  reason: string | null
}

export interface Outcome extends Totals {
  files: number
  /** From the start of the first worker to the end of the last one. */
  seconds: number
  workers: number
  backend: Info['backend']
  tier: Info['tier']
  /** The shards that hold anything. On the portable backend a shard belongs to threads, not to a CPU. */
  shares: Share[]
  failures: Failure[]
  /** Null unless it was asked for. */
  check: Check | null
}
