/** One region in several threads: `buffer` and `from()`. */
import { expect, test } from 'vitest'
import { PerCpuCounter, PerCpuCounterArray } from '../../lib/index.js'
import { Team } from '../support/team.mjs'

test('from() opens an existing counter', () => {
  for (const type of ['i64', 'f64'] as const) {
    for (const index of ['cpu', 'concurrency'] as const) {
      const one = new PerCpuCounter({ type, index })
      one.add(1)
      const other = PerCpuCounter.from(one.buffer)
      other.add(2)
      expect([one.value, other.value]).toEqual([3, 3])
      expect([other.type, other.index]).toEqual([one.type, one.index])
      expect(other.buffer).toBe(one.buffer)
      expect(other.reset()).toBe(3)
      expect(one.value).toBe(0)
    }
  }
})

test('from() opens an existing array', () => {
  const one = new PerCpuCounterArray(40, { type: 'f64' })
  one.add(39, 0.5)
  const other = PerCpuCounterArray.from(one.buffer)
  expect([other.length, other.type, other.get(39)]).toEqual([40, 'f64', 0.5])
})

test('an array of one is a counter, and a counter is an array of one', () => {
  const counter = new PerCpuCounter()
  PerCpuCounterArray.from(counter.buffer).add(0, 4)
  expect(counter.value).toBe(4)
  expect(PerCpuCounter.from(new PerCpuCounterArray(1).buffer).value).toBe(0)
})

test('new counters come by from() from a copy of the bytes, with what they had counted', () => {
  const counter = new PerCpuCounter()
  counter.add(11)
  const copy = PerCpuCounter.from(counter.buffer.slice(0))
  counter.add(1)
  copy.add(100)
  expect([counter.value, copy.value]).toEqual([12, 111])
})

test('a Worker counts on the buffer that it is given', async () => {
  const counter = new PerCpuCounter()
  counter.increment()
  const team = await Team.lineUp('adder', 1, {
    data: () => ({ buffer: counter.buffer, adds: 1000, delta: 3 }),
  })
  await team.run()
  expect(counter.value).toBe(3001)
})

test('a Worker counts in an array, fractions too', async () => {
  const counters = new PerCpuCounterArray(10, { type: 'f64' })
  const team = await Team.lineUp('adder', 1, {
    data: () => ({ buffer: counters.buffer, array: true, adds: 1000, delta: 0.5 }),
  })
  await team.run()
  expect([...counters.snapshot()]).toEqual(new Array(10).fill(50))
})

test('a counter made by a Worker lives on in the thread that has its buffer', async () => {
  const team = await Team.lineUp<null, SharedArrayBuffer>('maker', 1)
  const [buffer] = await team.run()
  const counter = PerCpuCounter.from(buffer as SharedArrayBuffer)
  expect(counter.value).toBe(5)
  counter.add(1)
  expect(counter.value).toBe(6)
})
