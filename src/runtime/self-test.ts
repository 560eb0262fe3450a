/**
 * Puts the result of the native self-test into words.
 *
 * @module
 */
import { systemErrorText } from '../core/errors.js'
import type { NativeVerification } from '../native/binding.js'

/** The texts of the native self-test's errors, by their numbers; see `native/rseq/verify.h`. */
const ERRORS = [
  '',
  'this thread is not registered for rseq',
  'a thread could not be made',
  'the test threads could not be pinned to one CPU',
  'no free real-time signal or timer is available',
] as const

/** Says why a self-test did not pass, and what the user can do about it; null if it passed. */
export function whyNotPassed(seen: NativeVerification): string | null {
  if (seen.passed) return null
  if (seen.error !== 0) {
    const system = seen.systemError === 0 ? '' : ` (${systemErrorText(seen.systemError)})`
    return `${ERRORS[seen.error] ?? `error ${seen.error}`}${system}`
  }
  if (seen.signals === 0) return 'no signal arrived inside a section'
  if (seen.signalAborts !== seen.signals) return 'a signal inside a section did not abort it'
  if (seen.preemptionAborts === 0) {
    return (
      'no section was aborted by preemption, as on some arm64 kernels from 6.19 on: ' +
      'update the kernel, or set RSEQ_BACKEND=portable'
    )
  }
  return `sections lost updates: ${seen.expected} additions left a total of ${seen.counted}`
}
