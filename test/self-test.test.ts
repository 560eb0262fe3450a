/** Kernels that may not abort sections: the self-test runs by itself, once for a process, and its verdict counts. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Info } from '../lib/index.js'
import { WITHOUT_LIBC } from './support/counted.js'
import { machineWithSectionsOr } from './support/machine.js'
import { runProgram } from './support/program.js'
import { isInstalled } from './support/toolchains.js'

type Seen = Info & { counted: number }

const root = fileURLToPath(new URL('..', import.meta.url))
const NEVER_ABORTS = { ...WITHOUT_LIBC, RSEQ_TEST_NEVER_ABORTS: '1' }
const FAILED =
  /^Linux on arm64 from 6\.19 on must pass the self-test, and 7\.0\.3\+ did not: a signal inside a section did not abort it$/

describe.skipIf(process.platform !== 'linux' || !isInstalled('g++'))('an arm64 kernel', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rseq-self-test-'))
  const shim = join(directory, 'kernel-shim.so')
  beforeAll(() => {
    const source = join(root, 'test/support/kernel-shim.cc')
    execFileSync('g++', ['-std=c++17', '-shared', '-fPIC', '-O2', '-o', shim, source, '-ldl'])
  })
  afterAll(() => {
    rmSync(directory, { recursive: true })
  })

  /** What the package says of itself on such a kernel. */
  async function on(release: string, env: Record<string, string> = {}): Promise<Seen> {
    const plain = { RSEQ_BACKEND: undefined, RSEQ_TIER: undefined, RSEQ_VERIFY: undefined }
    const kernel = { LD_PRELOAD: shim, RSEQ_TEST_RELEASE: release }
    return (await runProgram<Seen>('info', { env: { ...plain, ...kernel, ...env } })).result
  }

  for (const [areas, env] of Object.entries({ "libc's areas": {}, 'own areas': WITHOUT_LIBC })) {
    test(`before 6.19 is trusted; ${areas}`, async ({ skip }) => {
      await machineWithSectionsOr(skip)
      const seen = await on('6.18.9', env)
      expect(seen).toMatchObject({ backend: 'native', selfTest: 'not needed', reason: null, counted: 3 })
    })

    test(`from 6.19 on is tested, and used if it aborts sections; ${areas}`, async ({ skip }) => {
      const { registration } = await machineWithSectionsOr(skip)
      const seen = await on('6.19-rc1', env)
      expect(seen).toMatchObject({ backend: 'native', selfTest: 'passed', reason: null, counted: 3 })
      expect(seen.registration).toBe(areas === 'own areas' ? 'self' : registration)
    })
  }

  test('that does not abort sections is not used', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const seen = await on('7.0.3+', NEVER_ABORTS)
    expect(seen).toMatchObject({ backend: 'portable', selfTest: 'failed', counted: 3 })
    expect(seen.reason).toMatch(FAILED)
    await expect(on('7.0.3+', { ...NEVER_ABORTS, RSEQ_BACKEND: 'native' })).rejects.toThrow(
      /Error: rseq: Linux on arm64 from 6\.19 on must pass the self-test, and 7\.0\.3\+ did not/,
    )
    const portable = await on('7.0.3+', { ...NEVER_ABORTS, RSEQ_BACKEND: 'portable' })
    expect(portable).toMatchObject({ selfTest: 'not needed', reason: 'RSEQ_BACKEND=portable' })
  })

  test('that does not abort sections would be used without the self-test', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const trusted = await on('6.18.9', NEVER_ABORTS)
    expect(trusted).toMatchObject({ backend: 'native', selfTest: 'not needed' })
    const asked = await on('6.18.9', { ...NEVER_ABORTS, RSEQ_VERIFY: '1' })
    expect(asked).toMatchObject({ backend: 'portable', selfTest: 'failed' })
    expect(asked.reason).toBe(
      'RSEQ_VERIFY=1, and the self-test failed: a signal inside a section did not abort it',
    )
  })

  test('is tested for programs in C++, too', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    execFileSync('make', ['--silent', '--jobs=2', '-C', 'native/test', 'unit'], { cwd: root })
    /** The unit tests on such a kernel: they end well, whether or not there are sections. */
    const unit = (env: Record<string, string>): string => {
      const { status, stdout, stderr } = spawnSync(join(root, 'build/native-test/unit'), [], {
        env: { ...process.env, GLIBC_TUNABLES: '', LD_PRELOAD: shim, ...env },
        encoding: 'utf8',
      })
      expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' })
      return stdout
    }
    const WITHOUT = 'skipped the_main_thread_has_an_area'
    expect(unit({ RSEQ_TEST_RELEASE: '7.0.3+' })).not.toContain(WITHOUT)
    expect(unit({ RSEQ_TEST_RELEASE: '7.0.3+', ...WITHOUT_LIBC })).not.toContain(WITHOUT)
    expect(unit({ RSEQ_TEST_RELEASE: '7.0.3+', ...NEVER_ABORTS })).toContain(WITHOUT)
  })
})
