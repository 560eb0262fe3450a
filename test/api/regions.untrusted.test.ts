/** Random bytes over live regions: wrong answers or an error, never a crash, and never for ever. */
import { expect, test } from 'vitest'
import { runProgram } from '../support/program.js'

interface Outcome {
  operations: number
  scribbles: number
  problems: string[]
}

// Each in a process of its own: a crash ends that one, and shows as its signal.
test.each([
  ['counters', 1],
  ['stacks', 1],
  ['stacks', 2],
  ['stacks', 3],
  ['rings', 1],
  ['rings', 2],
  ['rings', 3],
  ['pools', 1],
  ['pools', 2],
  ['heaps', 1],
  ['heaps', 2],
  ['heaps', 3],
  ['lists', 1],
  ['lists', 2],
  ['arrays', 1],
  ['arrays', 2],
])('%s that are overwritten while they are used, seed %d', async (what, seed) => {
  const { result } = await runProgram<Outcome>('scribbled', { input: { what, seed } })
  expect(result.problems).toEqual([])
  expect(result.operations).toBeGreaterThan(0)
  expect(result.scribbles).toBeGreaterThan(0)
})
