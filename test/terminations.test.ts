/** Workers that are terminated in the middle of any public call, or of the import: the process lives, and nothing is left behind. */
import { describe, expect, test } from 'vitest'
import { SUPPORT_FILE, supportOr } from './support/addon.js'
import { runProgram } from './support/program.js'

/** How often in each call, and in imports. `npm run chaos -- --terminations` does it 50 and 1,000 times. */
const IN_CALLS = 1
const IN_IMPORTS = 20
/** For some 40 seconds of running, on a machine that has other things to do. */
const RUN_MS = 1_200_000

interface Terminations {
  calls: string[]
  terminated: number
  failures: string[]
  before: number
  after: number
}

describe.each([
  ['fast', {}],
  ['napi', { RSEQ_TIER: 'napi' }],
  ['portable', { RSEQ_BACKEND: 'portable' }],
] as const)('workers that are terminated, on the tier %s', (_, env) => {
  test(
    'in each public call, and in imports, leave the process and no handle',
    async () => {
      const input = { inCalls: IN_CALLS, inImports: IN_IMPORTS }
      const { result } = await runProgram<Terminations>('terminations', {
        input,
        env,
        patience: RUN_MS - 10_000,
      })
      expect(result.failures).toEqual([])
      expect(result.terminated).toBe(input.inCalls * result.calls.length + input.inImports)
      expect(result.after).toBe(result.before)
    },
    RUN_MS,
  )
})

test('a call that uses an unchecked result of Node-API would end the process', async ({ skip }) => {
  supportOr(skip)
  const run = runProgram('terminations', { input: { inCareless: 50, supportFile: SUPPORT_FILE } })
  await expect(run).rejects.toThrow(/SIGABRT|status 134/)
})
