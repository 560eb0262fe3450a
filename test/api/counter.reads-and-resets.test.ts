/** Reading and resetting while others count. */
import { expect, test } from 'vitest'
import { type CounterOptions, PerCpuCounter, PerCpuCounterArray } from '../../lib/index.js'
import { Team, turn } from '../support/team.mjs'

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0)

const everyKind: CounterOptions[] = [{ type: 'i64' }, { type: 'f64' }, { type: 'i64', index: 'concurrency' }]

/** Resets and turns; bounds what waits for others to make progress, far above what it takes. */
const MOST_TURNS = 1_000_000

test.each(everyKind)(
  '%o: every addition is in one reset, or in the value after all of them',
  async (options) => {
    const counter = new PerCpuCounter(options)
    const team = await Team.lineUp<null, { added: number; taken: number }>('steady-adder', 4, {
      // Two of them reset as well, so that resets meet each other.
      data: (i) => ({ buffer: counter.buffer, resets: i < 2 }),
    })
    const reports = team.run()
    let taken = 0
    let resets = 0
    for (let turns = 0; resets < 100 && turns < MOST_TURNS; turns++) {
      const held = counter.reset()
      expect(held).toBeGreaterThanOrEqual(0)
      taken += held
      // Only resets that found something count as a meeting with the adders.
      if (held > 0) resets++
      await turn()
    }
    team.stop()
    const ended = await reports
    expect(resets).toBe(100)
    const added = sum(ended.map((report) => report.added))
    taken += sum(ended.map((report) => report.taken))
    expect(taken + counter.value).toBe(added)
    expect(sum(counter.perCpu()) + counter.overflow).toBe(counter.value)
  },
)

test.each(everyKind)('%o: a value that is read while others reset is never below 0', async (options) => {
  const counter = new PerCpuCounter(options)
  const team = await Team.lineUp('steady-adder', 2, {
    data: () => ({ buffer: counter.buffer, resets: true }),
  })
  const reports = team.run()
  let least = 0
  let changes = 0
  let last = 0
  for (let turns = 0; changes < 2000 && turns < MOST_TURNS; turns++) {
    for (let reads = 0; reads < 500; reads++) {
      const value = counter.value
      least = Math.min(least, value)
      if (value !== last) changes++
      last = value
    }
    await turn()
  }
  team.stop()
  await reports
  expect(least).toBe(0)
  expect(changes).toBeGreaterThanOrEqual(2000)
})

test('resets of one element do not touch its neighbours', async () => {
  const counters = new PerCpuCounterArray(4)
  const team = await Team.lineUp('adder', 4, {
    data: () => ({ buffer: counters.buffer, array: true, adds: 200_000 }),
  })
  const ended: number[] = []
  const reports = team.run().then(() => ended.push(1))
  let taken = 0
  for (let turns = 0; ended.length === 0 && turns < MOST_TURNS; turns++) {
    taken += counters.reset(1)
    await turn()
  }
  await reports
  expect(taken + counters.get(1)).toBe(200_000)
  expect([counters.get(0), counters.get(2), counters.get(3)]).toEqual([200_000, 200_000, 200_000])
})

test('a value that only grows is never seen to shrink, and holds all that was confirmed before', async () => {
  const counter = new PerCpuCounter()
  const confirmed = new Int32Array(new SharedArrayBuffer(4 * 3))
  const team = await Team.lineUp('confirmer', 3, {
    data: (slot) => ({ buffer: counter.buffer, confirmed, slot }),
  })
  team.go()
  let last = 0
  let grew = 0
  for (let turns = 0; grew < 300 && turns < MOST_TURNS; turns++) {
    const least = sum(confirmed.map((_, slot) => Atomics.load(confirmed, slot)))
    const value = counter.value
    expect(value).toBeGreaterThanOrEqual(Math.max(least, last))
    if (value > last) grew++
    last = value
    if (turns % 16 === 0) await turn()
  }
  await Promise.all([0, 1, 2].map((i) => team.terminate(i)))
  expect(grew).toBe(300)
})
