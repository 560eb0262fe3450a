/** Random bytes over live pools and lists: wrong numbers or an error, never a crash, and never for ever. */
import { expect, test } from 'vitest'
import { runProgram } from '../support/program.js'

// Each in a process of its own: a crash ends that one, and shows as its signal.
test.each([
  ['pools', 1],
  ['pools', 2],
  ['lists', 1],
  ['lists', 2],
])('%s that are overwritten while they are used, round %d', async (what, seed) => {
  const { result } = await runProgram<{ operations: number; scribbles: number; problems: string[] }>(
    `scribbled-${what}`,
    { input: { seed } },
  )
  expect(result.problems).toEqual([])
  expect(result.operations).toBeGreaterThan(0)
  expect(result.scribbles).toBeGreaterThan(0)
})
