/**
 * The calling thread's `struct rseq`, as the kernel has registered it.
 *
 * @module
 */
import type { NativeBinding } from '../native/binding.js'

/**
 * Who registered a thread for rseq: the C library (`libc`), this package (`self`), another library that publishes its area as
 * `__rseq_abi` (`library`), or nobody (`none`).
 */
export type Registrar = 'libc' | 'self' | 'library' | 'none'

/** How the kernel treats the `struct rseq` of a thread. Sections are aborted alike in both modes. */
export interface RegisteredArea {
  /**
   * - `legacy`: the kernel writes the ids, and looks for a section, whenever the thread has slept or gets a signal.
   * - `v2` (Linux 7.1 and later on x86-64, with `size` above 32): the kernel writes the ids only when they change, looks for a
   *   section only after an interrupt of the thread's own code, and ends a process that has written to the ids.
   *
   * Where the kernel does not tell the mode, `info()` finds it out: the thread sleeps for half a millisecond.
   */
  mode: 'legacy' | 'v2'
  /** The length in bytes that was registered; at least 32. */
  size: number
  /**
   * Whether the kernel can extend the thread's time slice on request (Linux 7.0 and later, `v2` only): `none`, `available`, or
   * `enabled` by the program for this thread. This package does not enable it.
   */
  sliceExtension: 'none' | 'available' | 'enabled'
}

/** The calling thread's area; null without registration. Usually some loads; see {@link NativeBinding.registeredArea}. */
export function registeredArea(native: NativeBinding | null): RegisteredArea | null {
  const area = native?.registeredArea() ?? null
  if (area === null) return null
  const { mode, size, hasSlices, usesSlices } = area
  return { mode, size, sliceExtension: usesSlices ? 'enabled' : hasSlices ? 'available' : 'none' }
}
