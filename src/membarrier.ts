import { choice } from './backend.js'
import { checkInteger } from './errors.js'
import { MEMBARRIER_COMMANDS } from './info.js'

/** Fences: see {@link membarrier}. */
export interface Membarrier {
  /** The commands that the kernel has, by its names for them; none on the portable backend. */
  query(): string[]
  /**
   * Registers this process for fences of restartable sequences. Done by the first {@link fence}, too, which then takes
   * some milliseconds longer. False if the kernel has none (before Linux 5.10), or a sandbox forbids them.
   */
  register(): boolean
  /**
   * Ends every section of this process that runs on `cpu`, or on all CPUs, by an abort, unless it has committed;
   * what those sections stored is visible to this thread afterwards. Where the kernel has no such fence, this thread
   * visits the CPU, which does the same.
   *
   * @throws Error on the portable backend, and where there is no way to the CPU.
   */
  fence(cpu?: number): void
}

/** An end to the sections that run now: the building block of every operation on another CPU's data. */
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
      throw new Error(`rseq: no fence for ${which}: the kernel refuses it, and this thread may not run there`)
    }
  },
}
