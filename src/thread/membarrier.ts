import { choice } from '../runtime/backend.js'
import { checkInteger } from '../core/errors.js'
import { MEMBARRIER_COMMANDS } from './info.js'

/** The methods of {@link membarrier}. */
export interface Membarrier {
  /** Returns the names of the `membarrier(2)` commands that the kernel supports; none on the portable backend. */
  query(): string[]
  /**
   * Registers this process for fences of restartable sequences. Otherwise the first {@link fence} does so, and takes some
   * milliseconds longer.
   *
   * @returns false if the kernel has no such fences (before Linux 5.10), or a sandbox forbids them.
   */
  register(): boolean
  /**
   * Aborts every section of this process that runs on `cpu` and has not committed. Afterwards, the stores of sections that
   * committed before are visible to this thread. If the kernel has no such fence, this thread moves itself to the CPU and
   * back, with the same effect. Takes some microseconds.
   *
   * @param cpu - 0 to `info().possibleCpus - 1`; by default all CPUs.
   * @throws TypeError, RangeError if `cpu` does not exist.
   * @throws Error on the portable backend; if the thread may not run on the CPU; or if the move left the thread with another
   *   CPU affinity.
   */
  fence(cpu?: number): void
}

/**
 * Fences: they abort the sections that run on other CPUs. Every operation on another CPU's data begins with one. See
 * `MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ` in membarrier(2).
 */
export const membarrier: Membarrier = {
  query() {
    const commands = choice.native?.thread().membarrier ?? 0
    return MEMBARRIER_COMMANDS.filter((_, bit) => (commands & (1 << bit)) !== 0)
  },
  register() {
    return choice.native?.enableFences() ?? false
  },
  fence(cpu) {
    if (cpu !== undefined) checkInteger('cpu', cpu, 0, choice.backend.possibleCpus - 1)
    if (choice.native === null) throw new Error('rseq: the portable backend has no sections to fence')
    if (!choice.native.fence(cpu)) {
      const which = cpu === undefined ? 'all CPUs' : `CPU ${cpu}`
      throw new Error(
        `rseq: no fence for ${which}: the kernel refuses it, and this thread may not run there, or did not get its CPU affinity back`,
      )
    }
  },
}
