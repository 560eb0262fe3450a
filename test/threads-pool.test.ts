/** The suite of the API in a pool of Workers instead of processes: a test of the addon's own safety. */
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

test('the tests pass in Workers of one process', async () => {
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
  const files = ['counter', 'counter-array', 'counter.sharing'].map((name) => `test/api/${name}.test.ts`)
  const args = [vitest, 'run', '--pool=threads', '--project=native', '--reporter=json', ...files]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root })
  const report = JSON.parse(stdout) as { success: boolean; numPassedTests: number; numTotalTests: number }
  expect(report.success).toBe(true)
  expect(report.numPassedTests).toBe(report.numTotalTests)
  expect(report.numTotalTests).toBeGreaterThan(30)
})
