/**
 * The calling thread, kept on one CPU.
 *
 * @module
 */
import type { TestContext } from 'vitest'
import { info } from '../../lib/index.js'
import { supportOr } from './addon.js'

/**
 * Runs `body` on the first CPU that this thread may use, which it is told. The portable backend has no CPUs: there it is
 * the shard of the thread, which stays the same.
 */
export function pinned<Result>(skip: TestContext['skip'], body: (cpu: number) => Result): Result {
  if (info().backend === 'portable') return body(0)
  const support = supportOr(skip)
  const cpus = support.getAffinity(0)
  const cpu = cpus[0] as number
  support.setAffinity(0, [cpu])
  try {
    return body(cpu)
  } finally {
    support.setAffinity(0, cpus)
  }
}
