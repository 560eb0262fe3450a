/** Many counters in one region. */
import { expect, test } from 'vitest'
import { PerCpuCounterArray, info } from '../../lib/index.js'

const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0)

test.each([1, 2, 15, 16, 17, 1000])('%d counters, all at 0', (length) => {
  const counters = new PerCpuCounterArray(length)
  expect(counters.length).toBe(length)
  expect(counters.buffer).toBeInstanceOf(SharedArrayBuffer)
  expect([...counters.snapshot()]).toEqual(new Array(length).fill(0))
})

test.each(['i64', 'f64'] as const)('%s: each element counts for itself', (type) => {
  for (const index of ['cpu', 'concurrency'] as const) {
    const counters = new PerCpuCounterArray(100, { type, index })
    expect(counters.type).toBe(type)
    for (let i = 0; i < 100; i++) {
      counters.add(i, i * 10)
      counters.increment(i)
      counters.increment(i)
      counters.decrement(i)
    }
    for (let i = 0; i < 100; i++) {
      expect(counters.get(i)).toBe(i * 10 + 1)
      expect(counters.getBigint(i)).toBe(BigInt(i * 10 + 1))
    }
  }
})

test('the first and the last element are elements', () => {
  const counters = new PerCpuCounterArray(33)
  counters.add(0, 1)
  counters.add(32, 2)
  counters.increment(-0)
  expect([counters.get(0), counters.get(31), counters.get(32)]).toEqual([2, 0, 2])
})

test('fractions, large numbers and 64 bits per element', () => {
  const doubles = new PerCpuCounterArray(2, { type: 'f64' })
  doubles.add(1, 0.5)
  doubles.add(1, 2 ** 40)
  expect([...doubles.snapshot()]).toEqual([0, 2 ** 40 + 0.5])
  expect(doubles.getBigint(1)).toBe(2n ** 40n)

  const whole = new PerCpuCounterArray(3)
  for (let i = 0; i < 1024; i++) whole.add(1, Number.MAX_SAFE_INTEGER)
  whole.add(1, 1024)
  expect(whole.getBigint(1)).toBe(-(2n ** 63n))
  expect([whole.get(0), whole.get(2)]).toEqual([0, 0])
})

test('snapshot() makes a Float64Array, or fills what it is given', () => {
  const counters = new PerCpuCounterArray(3)
  counters.add(0, 1)
  counters.add(2, -3)
  const fresh = counters.snapshot()
  expect(fresh).toEqual(Float64Array.of(1, 0, -3))

  const floats = new Float64Array(5).fill(9)
  expect(counters.snapshot(floats)).toBe(floats)
  expect([...floats]).toEqual([1, 0, -3, 9, 9])

  const bigints = new BigInt64Array(3)
  expect(counters.snapshot(bigints)).toBe(bigints)
  expect([...bigints]).toEqual([1n, 0n, -3n])
})

test('snapshot() fills a part of a larger buffer, and shared memory', () => {
  const counters = new PerCpuCounterArray(2)
  counters.add(0, 7)
  counters.add(1, 8)
  const all = new Float64Array(6)
  counters.snapshot(all.subarray(2, 4))
  expect([...all]).toEqual([0, 0, 7, 8, 0, 0])

  const shared = new BigInt64Array(new SharedArrayBuffer(32), 8, 2)
  counters.snapshot(shared)
  expect([...new BigInt64Array(shared.buffer)]).toEqual([0n, 7n, 8n, 0n])
})

test('snapshot() into a BigInt64Array is exact beyond 2**53', () => {
  const counters = new PerCpuCounterArray(1)
  counters.add(0, Number.MAX_SAFE_INTEGER)
  counters.add(0, Number.MAX_SAFE_INTEGER)
  counters.increment(0)
  expect(counters.snapshot(new BigInt64Array(1))[0]).toBe(2n * BigInt(Number.MAX_SAFE_INTEGER) + 1n)
})

test('perCpu(i), overflow(i) and reset(i) are of one element', () => {
  const counters = new PerCpuCounterArray(20)
  counters.add(4, 40)
  counters.add(5, 50)
  const before = counters.perCpu(4)
  expect(before).toHaveLength(info().possibleCpus)
  expect(sum(before) + counters.overflow(4)).toBe(40)
  expect(counters.reset(4)).toBe(40)
  expect(counters.perCpu(4)).toEqual(before)
  expect(counters.overflow(4)).toBe(-sum(before))
  expect([counters.get(4), counters.get(5)]).toEqual([0, 50])
  counters.increment(4)
  expect(counters.reset(4)).toBe(1)
})
