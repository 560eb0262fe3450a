/**
 * The rows of `rseq info` about the thread's registration.
 *
 * @module
 */
import type { Info, RegisteredArea } from '../index.js'
import type { Style } from './style.js'

const OWNERS: Record<Info['registration'], string> = {
  libc: 'the C library registered this thread with the kernel',
  self: 'rseq registered this thread with the kernel, as the C library did not',
  library: 'another library registered this thread with the kernel, and publishes __rseq_abi',
  none: 'this thread is not registered with the kernel',
}

const MODES: Record<RegisteredArea['mode'], string> = {
  legacy: 'the kernel updates the ids whenever the thread has slept',
  v2: 'the kernel updates the ids only when they change',
}

const SLICES: Record<RegisteredArea['sliceExtension'], string> = {
  none: 'not available: it needs Linux 7.0 and the mode v2',
  available: 'available, and not enabled for this thread',
  enabled: 'enabled for this thread',
}

/** Who registered the thread. */
export function ownerRow({ registration }: Info, style: Style): [string, string] {
  return ['registered by', `${style.bold(registration)}: ${OWNERS[registration]}`]
}

/** What the kernel does with the thread's `struct rseq`; no row without registration. */
export function areaRows({ area, features }: Info, style: Style): [string, string][] {
  if (area === null) return []
  return [
    ['struct rseq', `${area.size} bytes are registered, and the kernel fills ${features.usableSize} of them`],
    ['mode', `${style.bold(area.mode)}: ${MODES[area.mode]}`],
    ['time slices', SLICES[area.sliceExtension]],
  ]
}
