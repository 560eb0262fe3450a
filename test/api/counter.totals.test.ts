/** Totals are exact, however many threads count at once. */
import { expect, test } from 'vitest'
import { PerCpuCounter, PerCpuCounterArray, info } from '../../lib/index.js'
import { supportOr } from '../support/addon.js'
import { losesUpdates } from '../support/control.js'
import { machineWithSectionsOr } from '../support/machine.js'
import { Team } from '../support/team.mjs'

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0)

test.each([
  [1, 1_000_000],
  [2, 500_000],
  [8, 150_000],
  [64, 20_000],
])('%d workers, %d increments each', async (workers, adds) => {
  const counter = new PerCpuCounter()
  const team = await Team.lineUp('adder', workers, { data: () => ({ buffer: counter.buffer, adds }) })
  await team.run()
  expect(counter.bigint).toBe(BigInt(workers) * BigInt(adds))
  expect(sum(counter.perCpu()) + counter.overflow).toBe(workers * adds)
})

test.each([
  { type: 'i64', index: 'concurrency' },
  { type: 'f64', index: 'cpu' },
  { type: 'f64', index: 'concurrency' },
] as const)('8 workers on a counter %o', async (options) => {
  const counter = new PerCpuCounter(options)
  const team = await Team.lineUp('adder', 8, {
    data: () => ({ buffer: counter.buffer, adds: 100_000, delta: options.type === 'f64' ? 0.5 : 2 }),
  })
  await team.run()
  expect(counter.value).toBe(options.type === 'f64' ? 400_000 : 1_600_000)
})

test('8 workers whose additions carry and borrow over all 64 bits', async () => {
  const counter = new PerCpuCounter()
  const deltas = [Number.MAX_SAFE_INTEGER, 2 ** 31, -1, -(2 ** 32), 1, 2 ** 32 - 1, -(2 ** 40), 3]
  const adds = 50_000
  const team = await Team.lineUp('adder', 8, {
    data: (i) => ({ buffer: counter.buffer, adds, delta: deltas[i] }),
  })
  await team.run()
  const total = deltas.reduce((all, delta) => all + BigInt(delta) * BigInt(adds), 0n)
  expect(counter.bigint).toBe(BigInt.asIntN(64, total))
})

test.each(['i64', 'f64'] as const)('8 workers on an array of %s, neighbours in one line', async (type) => {
  const counters = new PerCpuCounterArray(10, { type })
  const team = await Team.lineUp('adder', 8, {
    data: () => ({ buffer: counters.buffer, array: true, adds: 100_000 }),
  })
  await team.run()
  expect([...counters.snapshot()]).toEqual(new Array(10).fill(80_000))
})

// A region says how it is written, so that both kinds of thread may count on it: the one in the CPUs'
// shards, the other in the overflow shard.
test.for(['i64', 'f64'] as const)('workers on both backends, one %s counter', async (type, { skip }) => {
  await machineWithSectionsOr(skip)
  const counter = new PerCpuCounter({ type })
  // As much time for each of the two.
  const ways = [
    { backend: 'native', adds: 500_000 },
    { backend: 'portable', adds: 80_000 },
  ] as const
  const team = await Team.lineUp<null, { backend: string }>('adder', 6, {
    data: (i) => ({ buffer: counter.buffer, adds: ways[i % 2]?.adds }),
    env: (i) => ({ RSEQ_BACKEND: ways[i % 2]?.backend ?? '', RSEQ_TIER: '' }),
  })
  const reports = await team.run()
  expect(reports.map(({ backend }) => backend)).toEqual([0, 1, 0, 1, 0, 1].map((i) => ways[i]?.backend))
  expect(counter.value).toBe(3 * (500_000 + 80_000))
  // Of the portable ones not one was in a shard that sections write.
  if (info().backend === 'native') expect(sum(counter.perCpu())).toBeLessThanOrEqual(3 * 500_000)
})

// The controls: the teams of the tests above without the protection. They must lose additions, or the tests prove nothing.
test('the control loses updates: plain loads and stores on the words of CPUs', async ({ skip }) => {
  supportOr(skip)
  const control = { how: 'native', workers: 8, adds: 10_000, spins: 2000 } as const
  expect(await losesUpdates(control)).toBe(true)
})

test('the control loses updates: plain loads and stores in JavaScript', async () => {
  const control = { how: 'javascript', workers: 2, adds: 300_000 } as const
  expect(await losesUpdates(control)).toBe(true)
})
