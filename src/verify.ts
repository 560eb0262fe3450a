import { choice } from './backend.js'
import { whyNotPassed } from './self-test.js'

/** What {@link verify} saw. */
export interface Verification {
  /** The machine does what the kernel promises. */
  passed: boolean
  /** Why it did not pass; null if it did. */
  reason: string | null
  /** The CPU that two threads were pinned to. */
  cpu: number
  /** Signals that arrived inside a section, and sections that they aborted: the same number. */
  signals: number
  signalAborts: number
  /** Sections longer than a time slice, and those that preemption aborted: not 0. */
  preemptionTries: number
  preemptionAborts: number
  /** Additions that the two threads made with sections, and the total they left: the same number. */
  expected: number
  counted: number
  /** Aborts during these additions; each was repeated. */
  aborts: number
  /** The same with a plain load and store, which loses additions: the control. */
  controlExpected: number
  controlCounted: number
}

const NOTHING: Verification = {
  passed: false,
  reason: null,
  cpu: 0,
  signals: 0,
  signalAborts: 0,
  preemptionTries: 0,
  preemptionAborts: 0,
  expected: 0,
  counted: 0,
  aborts: 0,
  controlExpected: 0,
  controlCounted: 0,
}

/**
 * Proves, on this machine and now, that sections are aborted by signals and by preemption, and that
 * totals are exact. Blocks the calling thread for about a quarter of a second. Makes two threads,
 * pins them to one CPU, and for its duration handles one real-time signal that nobody uses.
 *
 * @example
 * ```ts
 * const { passed, reason } = verify()
 * ```
 */
export function verify(): Verification {
  const { native, reason } = choice
  if (native === null) return { ...NOTHING, reason: `the portable backend has no sections: ${reason ?? ''}` }
  const seen = native.verify(false)
  return {
    passed: seen.passed,
    reason: whyNotPassed(seen),
    cpu: seen.cpu,
    signals: seen.signals,
    signalAborts: seen.signalAborts,
    preemptionTries: seen.preemptionTries,
    preemptionAborts: seen.preemptionAborts,
    expected: seen.expected,
    counted: seen.counted,
    aborts: seen.aborts,
    controlExpected: seen.controlExpected,
    controlCounted: seen.controlCounted,
  }
}
