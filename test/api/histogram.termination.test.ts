/** Workers that are terminated while they record: the count and the sum of a histogram stay exact together. */
import { expect, test } from 'vitest'
import { PerCpuHistogram } from '../../lib/index.js'
import { defineMetrics } from '../../lib/metrics/index.js'
import { goesWrong } from '../support/control.js'
import { service } from '../support/metrics-schema.mjs'
import { Team, turn } from '../support/team.mjs'

const ROUNDS = 10
const WORKERS = 3
/** Bounds the wait for the workers' progress; each turn is one of this thread's event loop. */
const MOST_TURNS = 10_000_000

/** Lets workers record and terminates them at moments that are random in their own progress. */
async function terminateRecorders(how: string, buffer: SharedArrayBuffer | null): Promise<BigInt64Array> {
  const words = new BigInt64Array(new SharedArrayBuffer(24))
  const team = await Team.lineUp('value-recorder', WORKERS, { data: () => ({ how, buffer, words }) })
  team.go()
  const ends: Promise<void>[] = []
  for (let i = 0; i < WORKERS; i++) {
    const moment = Atomics.load(words, 2) + BigInt(1 + Math.floor(Math.random() * 3000))
    for (let turns = 0; Atomics.load(words, 2) < moment && turns < MOST_TURNS; turns++) await turn()
    ends.push(team.terminate(i))
  }
  await Promise.all(ends)
  return words
}

test.each(['record', 'recordMany', 'merge'])(
  '%s() counts a value and adds it, or does neither',
  async (how) => {
    const histogram = new PerCpuHistogram({ digits: 2 })
    for (let round = 0; round < ROUNDS; round++) await terminateRecorders(how, histogram.buffer)
    const { count, sum } = histogram.snapshot()
    expect(count).toBeGreaterThan(0)
    expect(sum).toBe(1000 * count)
  },
)

test('observe() counts a value and adds it, or does neither', async () => {
  const metrics = defineMetrics({ histograms: { seen: { help: 'Values' } } }).create()
  for (let round = 0; round < ROUNDS; round++) await terminateRecorders('observe', metrics.buffer)
  const { count, sum } = metrics.seen.value
  expect(count).toBeGreaterThan(0)
  expect(sum).toBe(1000 * count)
})

test('a batch of metrics counts each value of its histograms and adds it, or does neither', async () => {
  const metrics = service.create()
  for (let round = 0; round < ROUNDS; round++) await terminateRecorders('batch', metrics.buffer)
  for (const { value } of [metrics.size, metrics.duration.labels({ route: '/' })]) {
    expect(value.count).toBeGreaterThan(0)
    expect(value.sum).toBe(1000 * value.count)
  }
})

test('the control, which makes two additions in a row, is cut apart', async () => {
  const isCut = goesWrong(1, async () => {
    const [count, sum] = await terminateRecorders('apart', null)
    return sum !== 1000n * (count as bigint)
  })
  expect(await isCut).toBe(true)
})
