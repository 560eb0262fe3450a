/** Who registers a thread, with which size, and whose area is adopted: always exact, and info() says which. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Info } from '../lib/index.js'
import { type Counted, WITHOUT_LIBC } from './support/counted.js'
import { machineWithSectionsOr } from './support/machine.js'
import { runProgram } from './support/program.js'
import { isInstalled } from './support/toolchains.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const PLAIN = {
  ...WITHOUT_LIBC,
  RSEQ_BACKEND: undefined,
  RSEQ_TIER: undefined,
  RSEQ_VERIFY: undefined,
}

describe.skipIf(process.platform !== 'linux' || !isInstalled('g++'))('a thread', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rseq-registration-'))
  const library = (name: string): string => join(directory, `${name}.so`)
  beforeAll(() => {
    for (const name of ['early-adopter', 'kernel-shim']) {
      const source = join(root, `test/support/${name}.cc`)
      execFileSync('g++', ['-std=c++17', '-shared', '-fPIC', '-O2', '-o', library(name), source, '-ldl'])
    }
  })
  afterAll(() => {
    rmSync(directory, { recursive: true })
  })

  async function count(behaviour: string): Promise<Counted> {
    const env = { ...PLAIN, LD_PRELOAD: library('early-adopter'), EARLY_ADOPTER: behaviour }
    const { result } = await runProgram<Counted>('count', { env })
    expect(result.counted).toBe(result.expected)
    return result
  }

  async function info(env: Record<string, string>): Promise<Info> {
    return (await runProgram<Info>('info', { env: { ...PLAIN, ...env } })).result
  }

  test.for(['registers', 'full-length'])(
    'that another library has registered (%s) runs sections in its area',
    async (behaviour, { skip }) => {
      await machineWithSectionsOr(skip)
      const { main, workers, overflow, expected } = await count(behaviour)
      for (const { backend, registration } of [main, ...workers]) {
        expect([backend, registration]).toEqual(['native', 'library'])
      }
      expect(main.area?.size).toBeGreaterThanOrEqual(32)
      expect(Math.abs(overflow)).toBeLessThan(expected / 10)
    },
  )

  test('that another library has registered passes the self-test', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const preload = { LD_PRELOAD: library('early-adopter'), EARLY_ADOPTER: 'registers' }
    const seen = await info({ ...preload, RSEQ_VERIFY: '1' })
    expect(seen).toMatchObject({ backend: 'native', registration: 'library', selfTest: 'passed' })
  })

  test('whose published area nobody registered gets one of its own', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const { main, workers } = await count('publishes-only')
    for (const { backend, registration } of [main, ...workers]) {
      expect([backend, registration]).toEqual(['native', 'self'])
    }
  })

  test.for(['signature', 'elsewhere'])(
    'whose published area is not what the kernel expects (%s) runs no section',
    async (behaviour, { skip }) => {
      await machineWithSectionsOr(skip)
      const { main, workers } = await count(behaviour)
      for (const { backend, registration, reason } of [main, ...workers]) {
        expect([backend, registration]).toEqual(['portable', 'none'])
        expect(reason).toMatch(
          /^the kernel refused to register this thread for rseq: EINVAL: .*another library/,
        )
      }
      expect(main.area).toBeNull()
    },
  )

  test('registers as many bytes as the kernel wants', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const seen = await info({ LD_PRELOAD: library('kernel-shim'), RSEQ_TEST_FEATURE_SIZE: '33' })
    expect(seen).toMatchObject({ backend: 'native', registration: 'self', counted: 3 })
    expect(seen.area?.size).toBe(33)
    expect(seen.features.usableSize).toBe(33)
  })

  test('registers 32 bytes where the kernel refuses more', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const shim = { LD_PRELOAD: library('kernel-shim'), RSEQ_TEST_FEATURE_SIZE: '33', RSEQ_TEST_LARGEST: '32' }
    const seen = await info(shim)
    expect(seen).toMatchObject({ backend: 'native', registration: 'self', counted: 3 })
    expect(seen.area).toEqual({ mode: 'legacy', size: 32, sliceExtension: 'none' })
  })
})
