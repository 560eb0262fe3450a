/**
 * How those who count report by messages.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'
import type { Ledger } from './ledger.js'

/** Additions between two looks at the clock. */
const CHUNK = 1000
/** Milliseconds between two messages. */
export const REPORT_MS = 50

/** Counts until the next message is due. Returns the number of additions. */
export function countUntilReport(ledger: Ledger, add: () => void, seat: number): number {
  const next = performance.now() + REPORT_MS
  let additions = 0
  do {
    ledger.addMany(add, seat, CHUNK)
    additions += CHUNK
  } while (performance.now() < next)
  return additions
}
