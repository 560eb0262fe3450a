/**
 * The properties of this machine, independent of the settings of this run.
 *
 * @module
 */
import type { TestContext } from 'vitest'
import { type Info, info } from '../../lib/index.js'
import { loadNative } from '../../lib/native/binding.js'
import { runProgram } from './program.js'

/** How many handles are open in the process; always 0 on the portable backend. */
export function openHandles(): number {
  return info().backend === 'native' ? loadNative().openHandles() : 0
}

/** Ends the test, skipped, unless this process runs on sections. */
export function onSectionsOr(skip: TestContext['skip']): void {
  const { backend, reason } = info()
  skip(backend !== 'native', `no restartable sequences in this run: ${reason ?? ''}`)
}

/** Ends the test, skipped, unless a process that is told nothing runs on sections. */
export async function machineWithSectionsOr(skip: TestContext['skip']): Promise<Info> {
  const { result } = await runProgram<Info>('info', {
    env: { RSEQ_BACKEND: undefined, RSEQ_TIER: undefined },
  })
  skip(result.backend !== 'native', `no restartable sequences on this machine: ${result.reason ?? ''}`)
  return result
}
