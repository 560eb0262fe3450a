/** The package on Bun and Deno: installed from the tarball, and a part of the suite of the public API. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { RUNTIMES, fetchRuntime, isPackaged } from '../../scripts/runtimes.mjs'
import { runSuite } from '../../scripts/test-runtimes.mjs'
import { machineWithSectionsOr } from '../support/machine.js'
import { makeProject, smoke, temporary } from './support/project.js'

/** What the suite's other files stand on. `npm run test:runtimes` runs all of it. */
const FILES = ['counter', 'buffers', 'options'].map((name) => `test/api/${name}.test.ts`)

/** Deno keeps what it has compiled below a home of its own, and asks nobody whether there is a newer Deno. */
function quiet(): Record<string, string> {
  const home = join(temporary(), 'home')
  mkdirSync(home)
  return { HOME: home, DENO_NO_UPDATE_CHECK: '1' }
}

describe.each(RUNTIMES.filter((runtime) => isPackaged(runtime)))('$name $version', (runtime) => {
  const { name, version, run: options } = runtime
  const node = fetchRuntime(runtime)

  test.for(['esm.mjs', 'cjs.cjs', 'worker-only.mjs'])('%s runs on sections', async (file, { skip }) => {
    await machineWithSectionsOr(skip)
    const { main, workers, counted, expected } = await smoke(file, {
      ...{ cwd: makeProject(), node, options, env: quiet() },
    })
    for (const { backend, tier, reason, ...seen } of [main, ...workers]) {
      expect([backend, tier, reason]).toEqual(['native', 'napi', null])
      expect([seen.runtime, seen.runtimeVersion]).toEqual([name, version])
    }
    expect(counted).toBe(expected)
  })

  test('a part of the suite', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const { report, output } = runSuite(runtime, 'native', FILES, temporary())
    expect([report?.success, report?.numFailedTests], output).toEqual([true, 0])
    expect(report?.numPassedTests).toBeGreaterThan(50)
  })
})

const denos = RUNTIMES.filter((runtime) => runtime.name === 'deno' && isPackaged(runtime))

describe.each(denos)('with narrow permissions, Deno $version', (deno) => {
  const use = (...permissions: string[]) => {
    const options = ['run', '--no-prompt', '--allow-read', ...permissions]
    return smoke('esm.mjs', { cwd: makeProject(), node: fetchRuntime(deno), options, env: quiet() })
  }

  test('runs on sections if it may load addons', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const { main, counted, expected, stderr } = await use('--allow-ffi')
    expect([main.backend, main.reason, stderr]).toEqual(['native', null, ''])
    expect(counted).toBe(expected)
  })

  test('says what it may not do, and falls back', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const { main, counted, expected, stderr } = await use()
    expect(main.backend).toBe('portable')
    expect(main.reason).toMatch(/run again with the --allow-ffi flag/)
    expect(stderr).toContain('RSEQ_PORTABLE')
    expect(counted).toBe(expected)
  })
})
