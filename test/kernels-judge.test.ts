// The judge of the emulated machines (npm run test:kernels) is shown consoles on which something is wrong:
// it must see it, or a machine that died would pass.
import { expect, test } from 'vitest'
import { judge } from './kernels/judge.mjs'
import { exitStatus } from './kernels/report.mjs'

interface Result {
  name: string
  passed: boolean
  detail: string
}

const plan = [
  { name: 'unit', output: / 0 failed/, results: ['unit'] },
  { name: 'node', output: null, results: ['node/info', 'node'] },
]

const good = [
  '@@boot 6.12.0',
  '@@begin unit',
  '5 passed, 0 failed',
  '@@result unit pass exit status 0',
  '@@begin node',
  '@@result node/info pass native',
  '@@result node pass exit status 0',
  '@@end',
]

/** The names of what failed on a console. */
function failures(texts: readonly string[], timedOut = false): string[] {
  const lines = texts.map((text, at) => ({ at, text }))
  const results = judge({ lines, timedOut, seconds: 9 }, plan) as Result[]
  return results.filter(({ passed }) => !passed).map(({ name }) => name)
}

const without = (part: string): string[] => good.filter((line) => !line.includes(part))
const changed = (from: string, to: string): string[] => good.map((line) => line.replace(from, to))

test('a console with everything on it passes', () => {
  expect(failures(good)).toEqual([])
})

test('firmware and kernel may write before a line of ours', () => {
  expect(failures(changed('@@boot', 'SLOF  @@boot'))).toEqual([])
})

test.each([
  ['a result that says fail', changed('info pass', 'info fail'), ['node/info']],
  ['a check that never reports', without('node/info'), ['node/info']],
  ['a program that never ends', without('result node pass'), ['node']],
  ['a program that prints no totals', without('0 failed'), ['unit']],
  ['totals with failures', changed('0 failed', '1 failed'), ['unit']],
  ['a result that is reported twice', [...good, '@@result node/info pass again'], ['node/info']],
  ['a result that the plan does not contain', [...good, '@@result other pass'], ['other']],
  ['a panic at the start', [], ['boot', 'unit', 'node/info', 'node', 'end']],
  ['a machine that does not switch off', without('@@end'), ['end']],
])('%s fails', (_, texts, expected) => {
  expect(failures(texts)).toEqual(expected)
})

test('a machine that had to be stopped fails, even if its results passed', () => {
  expect(failures(good, true)).toEqual(['end'])
})

test('a download that was not available is no failure of the tests', () => {
  const outcome = (passed: boolean, isUnavailable = false) => ({ results: [{ passed }], isUnavailable })
  expect(exitStatus([outcome(true), outcome(true)])).toBe(0)
  expect(exitStatus([outcome(true), outcome(false, true)])).toBe(2)
  expect(exitStatus([outcome(false), outcome(false, true)])).toBe(1)
})
