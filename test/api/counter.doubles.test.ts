/** Counters of doubles: a set or a reset forgets past rounding errors and infinities. */
import { describe, expect, test } from 'vitest'
import { PerCpuCounter, PerCpuCounterArray } from '../../lib/index.js'
import { defineMetrics } from '../../lib/metrics/index.js'
import { wordsOfShards } from '../support/shards.js'
import { Team, turn } from '../support/team.mjs'

/** Bounds what waits for others to make progress, far above what it takes. */
const MOST_TURNS = 1_000_000

describe.each(['cpu', 'concurrency'] as const)('by %s', (index) => {
  test('a reset after an infinity hands it back, and counts from 0', () => {
    const counter = new PerCpuCounter({ type: 'f64', index })
    for (const large of [1e308, -1e308]) {
      counter.add(large)
      counter.add(large)
      counter.add(large)
      expect(Math.abs(counter.reset())).toBeGreaterThan(1.7e308)
      expect(counter.value).toBe(0)
      counter.add(1)
      expect(counter.reset()).toBe(1)
    }
  })

  test('the total as a bigint is the integer part, and an error where there is none', () => {
    const counter = new PerCpuCounter({ type: 'f64', index })
    const counters = new PerCpuCounterArray(2, { type: 'f64', index })
    for (const [total, part] of [
      [0.75, 0n],
      [-2.5, -2n],
      [2 ** 80, 2n ** 80n],
    ] as const) {
      counter.reset()
      counters.reset(1)
      counter.add(total)
      counters.add(1, total)
      expect([counter.bigint, counters.getBigint(1)]).toEqual([part, part])
    }
    // An addition is finite, but two may have a total that is not; and NaN is what a thread has written over the memory.
    for (const [large, shown] of [
      [1.7e308, 'Infinity'],
      [-1.7e308, '-Infinity'],
    ] as const) {
      counter.reset()
      counters.reset(1)
      for (let k = 0; k < 2; k++) {
        counter.add(large)
        counters.add(1, large)
      }
      const error = new RangeError(`bigint: expected a counter whose total is finite, got ${shown}`)
      expect(() => counter.bigint).toThrow(error)
      expect(() => counters.getBigint(1)).toThrow(error)
    }
    for (const shard of [...wordsOfShards(counter), ...wordsOfShards(counters)]) {
      for (let i = 0; i < shard.length; i++) shard[i] = 0x7ff8000000000000n
    }
    expect(() => counter.bigint).toThrow(/^bigint: expected a counter whose total is finite, got NaN$/)
    expect(() => counters.getBigint(1)).toThrow(/^bigint: expected a counter whose total is finite, got NaN$/)
  })

  test('small additions after a large one that was reset are all there', () => {
    const counters = new PerCpuCounterArray(3, { type: 'f64', index })
    counters.add(1, 1795899799766502000)
    counters.add(2, 0.5)
    expect(counters.reset(1)).toBe(1795899799766502000)
    for (let k = 0; k < 10; k++) counters.add(1, 0.125)
    expect([...counters.snapshot()]).toEqual([0, 1.25, 0.5])
  })

  test('perCpu() and overflow begin again with each reset', () => {
    const counter = new PerCpuCounter({ type: 'f64', index })
    counter.add(2.5)
    counter.reset()
    expect([...counter.perCpu(), counter.overflow]).toEqual([...counter.perCpu().fill(0), 0])
    counter.add(0.1)
    expect(counter.value).toBe(0.1)
  })
})

test('a gauge shows what it was set to, and exactly what was added since', () => {
  const { gauge } = defineMetrics({ gauges: { gauge: { help: 'A gauge' } } }).create()
  gauge.inc(1e308)
  gauge.inc(1e308)
  gauge.set(5)
  expect(gauge.value).toBe(5)
  gauge.inc(0.1)
  gauge.set(0)
  gauge.inc(0.1)
  gauge.inc(0.2)
  expect(gauge.value).toBe(0.1 + 0.2)
})

test('whole numbers that threads add while others reset are in one reset, or left', async () => {
  const counter = new PerCpuCounter({ type: 'f64' })
  const team = await Team.lineUp<null, { added: number; taken: number }>('steady-adder', 3, {
    data: (i) => ({ buffer: counter.buffer, resets: i === 0 }),
  })
  const reports = team.run()
  let taken = 0
  let meetings = 0
  for (let turns = 0; meetings < 200 && turns < MOST_TURNS; turns++) {
    const held = counter.reset()
    taken += held
    if (held > 0) meetings++
    await turn()
  }
  team.stop()
  const ended = await reports
  for (const report of ended) taken += report.taken
  expect(meetings).toBe(200)
  expect(taken + counter.reset()).toBe(ended.reduce((sum, { added }) => sum + added, 0))
})
