/** Workers that are terminated at random moments: what they confirmed is there, and nothing is left behind. */
import { expect, test } from 'vitest'
import { PerCpuCounter } from '../../lib/index.js'
import { openHandles } from '../support/machine.js'
import { Team, startWorker, turn } from '../support/team.mjs'

const ROUNDS = 12
const WORKERS = 4

/** Held to the end, so that no handle of this thread is given back in the middle of a test. */
const held: PerCpuCounter[] = []

function newCounter(index: 'cpu' | 'concurrency'): PerCpuCounter {
  const counter = new PerCpuCounter({ index })
  held.push(counter)
  return counter
}

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0)

test('terminated workers lose nothing that they confirmed, and add at most what was in flight', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const counter = newCounter(round % 2 === 0 ? 'cpu' : 'concurrency')
    const baseline = openHandles()
    const confirmed = new Int32Array(new SharedArrayBuffer(4 * WORKERS))
    const team = await Team.lineUp('confirmer', WORKERS, {
      data: (slot) => ({ buffer: counter.buffer, confirmed, slot }),
    })
    team.go()

    // At a moment that is random in the worker's own progress.
    await team.terminateAtMoments((i) => Atomics.load(confirmed, i), 20_000)

    const least = sum(confirmed)
    expect(Math.min(...confirmed)).toBeGreaterThan(0)
    expect(counter.value).toBeGreaterThanOrEqual(least)
    expect(counter.value).toBeLessThanOrEqual(least + WORKERS)
    expect(openHandles()).toBe(baseline)
  }

  // The process goes on as if nothing had happened, and no late update arrives.
  const values = held.map(({ value }) => value)
  const team = await Team.lineUp('adder', 2, {
    data: (i) => ({ buffer: (held[i] as PerCpuCounter).buffer, adds: 1000 }),
  })
  await team.run()
  expect(held.map(({ value }) => value)).toEqual(values.map((value, i) => (i < 2 ? value + 1000 : value)))
})

test('workers that are terminated before they begin, or while they load', async () => {
  const counter = newCounter('cpu')
  const baseline = openHandles()
  const data = (): Record<string, unknown> => ({ buffer: counter.buffer, adds: 1000 })
  const waiting = await Team.lineUp('adder', 3, { data })
  await Promise.all([0, 1, 2].map((i) => waiting.terminate(i)))
  await Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      const worker = startWorker('adder', { signals: new Int32Array(new SharedArrayBuffer(8)), ...data() })
      // At another point of its start each time.
      for (let turns = 0; turns < i * 20; turns++) await turn()
      await worker.terminate()
    }),
  )
  expect(counter.value).toBe(0)
  expect(openHandles()).toBe(baseline)
})
