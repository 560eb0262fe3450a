/**
 * What runs in this process, as labels of a metric.
 *
 * @module
 */
import { info } from './info.js'

/** A reason may go on with files that were looked for, which would make a label of its own in each directory. */
const LONGEST_REASON = 160

/** The name and the help text of the metric. */
export const BACKEND_INFO = {
  name: 'rseq_info',
  help: 'Always 1: the backend and the tier of rseq in the process, and why it is not the native backend.',
} as const

/** Labels of that metric: `reason` is empty on the native backend. */
export function backendLabels(): { backend: 'native' | 'portable'; tier: string; reason: string } {
  const { backend, tier, reason } = info()
  const [first = ''] = (reason ?? '').split('\n')
  return { backend, tier, reason: first.slice(0, LONGEST_REASON) }
}
