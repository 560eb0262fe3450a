/** Workers that make many additions at a time, by CounterBatch and addMany. The races' controls are in 07-exact-totals. */
import { describe, expect, test } from 'vitest'
import { PerCpuCounterArray } from '../../lib/index.js'
import { Team } from '../support/team.mjs'

describe.each([
  { type: 'i64', delta: 2 ** 40 },
  { type: 'i64', delta: 3 },
  { type: 'f64', delta: 0.5 },
] as const)('several workers on an array of $type, with deltas of $delta', ({ type, delta }) => {
  const length = 10
  const adds = 60_000
  /** What one worker adds to each element. */
  const share = Array.from({ length }, (_, i) => {
    let sum = 0
    for (let k = i; k < adds; k += length) sum += k % 3 === 0 ? delta : 1
    return sum
  })

  test.each([
    ['batches of their own', 6, () => ({ capacity: 64 })],
    ['batches of all sizes', 6, (i: number) => ({ capacity: [1, 2, 3, 17, 256, 100_000][i] })],
    ['addMany', 4, () => ({ capacity: 100, many: true })],
  ])('%s: no addition is lost or made twice', async (_, workers, how) => {
    const counters = new PerCpuCounterArray(length, { type })
    const team = await Team.lineUp('batcher', workers, {
      data: (i) => ({ buffer: counters.buffer, adds, delta, ...how(i) }),
    })
    await team.run()
    expect([...counters.snapshot()]).toEqual(share.map((sum) => sum * workers))
  })
})
