/** `npm run test:large-trace` with a small trace, and its control. The full size is for the command alone: see docs/verification.md. */
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { type TestContext, describe, expect, test } from 'vitest'
import { type Ran, environment, execute } from './cli/command.js'
import { machineWithSectionsOr } from './support/machine.js'
import { WHY_NO_SHM } from './support/shared.js'

const MAIN = fileURLToPath(new URL('large-trace/main.mjs', import.meta.url))

async function run(skip: TestContext['skip'], ...args: string[]): Promise<Ran> {
  await machineWithSectionsOr(skip)
  skip(spawnSync('taskset', ['-V']).status !== 0, 'there is no taskset')
  return execute(process.execPath, [MAIN, '--directory', tmpdir(), ...args], { env: environment() })
}

describe.skipIf(WHY_NO_SHM !== '')('a large trace', { timeout: 240_000 }, () => {
  test.for([
    ['ctf', '32M'],
    ['perfetto', '4M'],
    ['chrome', '4M'],
    ['json', '4M'],
  ] as const)('is exported to %s whole, within the bound of memory', async ([format, size], { skip }) => {
    const { status, stdout, stderr } = await run(skip, '--size', size, '--format', format)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^Exported \d+ events to /m)
  })

  test('the control, which holds too much memory, is found out', async ({ skip }) => {
    const { status, stderr } = await run(skip, '--size', '4M', '--hold', '250M')
    expect([status, stderr]).toEqual([1, 'WRONG: the exporter had too much memory\n'])
  })
})
