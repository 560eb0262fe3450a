/** JavaScript can write any byte of a region: that may give wrong numbers or an error, never a crash. */
import { expect, test } from 'vitest'
import { runProgram } from '../support/program.js'

interface Outcome {
  tried: number
  refused: number
  worked: number
  problems: string[]
}

// Each in a process of its own: a crash ends that one, and shows as its signal.
test.each([
  ['every bit and every byte flipped', 'flips'],
  ['every length', 'truncations'],
  ['words at the edges of the valid ranges', 'words'],
])('a header with %s is refused or works', async (_, way) => {
  const { result } = await runProgram<Outcome>('untrusted-header', { input: { way } })
  expect(result.problems).toEqual([])
  expect(result.refused + result.worked).toBe(result.tried)
  // Both happen, or nothing was tested.
  expect(result.refused).toBeGreaterThan(0)
  expect(result.worked).toBeGreaterThan(0)
})
