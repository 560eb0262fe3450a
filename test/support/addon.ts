/**
 * The test addon, typed: what tests need from the system. See `native/test/support/support.h`.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { TestContext } from 'vitest'

export interface Support {
  gettid(): number
  getAffinity(tid: number): number[]
  setAffinity(tid: number, cpus: number[]): boolean
  plainAdd(words: BigInt64Array, i: number, count: number, spins: number): void
  refuseRseq(errno: number): void
  seriesAdd(series: object, delta: number): boolean
  seriesObserve(series: object, value: number): boolean
  seriesStart(counter: object, histogram: object, threads: number, times: number): void
  seriesJoin(): void
}

/** The file, for workers and programs, which load it by themselves. */
export const SUPPORT_FILE = fileURLToPath(
  new URL('../../native/test/support/build/Release/test_support.node', import.meta.url),
)

const hasSupport = process.platform === 'linux' && ['x64', 'arm64', 'ppc64'].includes(process.arch)

/** The addon, or the end of the test: skipped, with the reason. A missing file is an error. */
export function supportOr(skip: TestContext['skip']): Support {
  if (!hasSupport) skip('the test addon is for Linux on x64, arm64 and ppc64')
  if (!existsSync(SUPPORT_FILE))
    throw new Error(`The test addon ${SUPPORT_FILE} is missing: build it with npm run build:test-support`)
  return createRequire(import.meta.url)(SUPPORT_FILE) as Support
}

/** As {@link supportOr}, and the CPUs that this process may use: at least two, or the test is skipped. */
export function supportAndCpusOr(skip: TestContext['skip']): { support: Support; cpus: number[] } {
  const support = supportOr(skip)
  const cpus = support.getAffinity(0)
  skip(cpus.length < 2, 'this process may use one CPU only: there is nowhere to move to')
  return { support, cpus }
}
