import { choice } from '../runtime/backend.js'
import { whyNotPassed } from '../runtime/self-test.js'

/** The result of {@link verify}. */
export interface Verification {
  /** Whether the kernel aborts sections as it promises, and no addition was lost. */
  passed: boolean
  /** Why the self-test did not pass; null if it did. */
  reason: string | null
  /** The CPU that the two threads were pinned to. */
  cpu: number
  /** Number of signals that arrived inside a section. */
  signals: number
  /** Number of sections that these signals aborted; must equal `signals`. */
  signalAborts: number
  /** Number of sections that ran for longer than a time slice. */
  preemptionTries: number
  /** Number of these sections that preemption aborted; must not be 0. */
  preemptionAborts: number
  /** Number of additions that the two threads made with sections. */
  expected: number
  /** The total that these additions left; must equal `expected`. */
  counted: number
  /** Number of aborts during these additions; each aborted addition was repeated. */
  aborts: number
  /** Number of additions in the control, which adds with a plain load and store. */
  controlExpected: number
  /** The total of the control: below `controlExpected` if the race loses additions, which shows that the test can fail. */
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
 * Runs the self-test: checks on this machine that signals and preemption abort sections, and that totals are exact. Blocks the
 * calling thread for about a quarter of a second. Starts two threads, pins them to one CPU, and handles one unused real-time
 * signal while it runs.
 *
 * @returns the figures of the self-test. On the portable backend `passed` is false and `reason` says why.
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
