/** Random bytes over live arrays: wrong numbers or an error, never a crash, and never for ever. */
import { expect, test } from 'vitest'
import { runProgram } from '../support/program.js'

// Each in a process of its own: a crash ends that one, and shows as its signal.
test.each([1, 2])('words that are overwritten while they are used, round %d', async (seed) => {
  const { result } = await runProgram<{ operations: number; scribbles: number; problems: string[] }>(
    'scribbled-words',
    { input: { seed } },
  )
  expect(result.problems).toEqual([])
  expect(result.operations).toBeGreaterThan(0)
  expect(result.scribbles).toBeGreaterThan(0)
})
