/** Handles: every operation on every tier refuses all integers that are no open handle of its kind. */
import { expect, test } from 'vitest'
import { runProgram } from './support/program.js'

interface Invented {
  tier: string
  calls: number
  accepted: string[]
  isUntouched: boolean
}

test.each(['fast', 'napi'])('no integer that is no handle is taken for one, on the tier %s', async (tier) => {
  const input = { rounds: 20_000, seed: 1 + Math.floor(Math.random() * 1e9) }
  const { result } = await runProgram<Invented>('invented-handles', { input, env: { RSEQ_TIER: tier } })
  expect(result.tier).toBe(tier)
  expect(result.accepted, `seed ${input.seed}`).toEqual([])
  expect(result.calls).toBeGreaterThan(50)
  expect(result.isUntouched).toBe(true)
})
