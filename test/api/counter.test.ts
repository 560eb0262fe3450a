/** One counter in one thread: what every method does. */
import { expect, test } from 'vitest'
import { type CounterOptions, PerCpuCounter, info } from '../../lib/index.js'

const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0)

const everyKind: CounterOptions[] = [
  {},
  { type: 'i64' },
  { type: 'f64' },
  { index: 'cpu' },
  { index: 'concurrency' },
  { type: 'i64', index: 'concurrency' },
  { type: 'f64', index: 'concurrency' },
]

test.each(everyKind)('a new counter %o is at 0', (options) => {
  const counter = new PerCpuCounter(options)
  expect(counter.value).toBe(0)
  expect(counter.bigint).toBe(0n)
  expect(counter.overflow).toBe(0)
  expect(counter.perCpu()).toEqual(new Array(info().possibleCpus).fill(0))
  expect(counter.buffer).toBeInstanceOf(SharedArrayBuffer)
})

test.each(everyKind)('a counter %o adds, increments and decrements', (options) => {
  const counter = new PerCpuCounter(options)
  counter.add(5)
  expect(counter.value).toBe(5)
  counter.increment()
  counter.increment()
  expect(counter.value).toBe(7)
  counter.decrement()
  expect(counter.value).toBe(6)
  counter.add(-10)
  expect(counter.value).toBe(-4)
  expect(counter.bigint).toBe(-4n)
  counter.add(0)
  counter.add(-0)
  expect(counter.value).toBe(-4)
})

test('type and index say what was asked for, and the defaults', () => {
  const plain = new PerCpuCounter()
  expect([plain.type, plain.index]).toEqual(['i64', 'cpu'])
  expect(new PerCpuCounter({ type: 'f64' }).type).toBe('f64')
  const { backend, features } = info()
  const compact = backend === 'portable' || features.concurrencyId
  expect(new PerCpuCounter({ index: 'concurrency' }).index).toBe(compact ? 'concurrency' : 'cpu')
  const same = new PerCpuCounter({ type: undefined, index: undefined } as unknown as CounterOptions)
  expect([same.type, same.index]).toEqual(['i64', 'cpu'])
})

test('an f64 counter holds fractions, with the rounding of doubles', () => {
  const counter = new PerCpuCounter({ type: 'f64' })
  counter.add(0.5)
  counter.add(0.25)
  counter.increment()
  expect(counter.value).toBe(1.75)
  expect(counter.bigint).toBe(1n)
  counter.add(-3)
  expect(counter.value).toBe(-1.25)
  expect(counter.bigint).toBe(-1n)
  counter.add(1e300)
  expect(counter.value).toBe(1e300)
})

test('an i64 counter takes every safe integer, and is exact beyond 2**53', () => {
  const counter = new PerCpuCounter()
  for (let i = 0; i < 4; i++) counter.add(Number.MAX_SAFE_INTEGER)
  expect(counter.bigint).toBe(4n * BigInt(Number.MAX_SAFE_INTEGER))
  counter.increment()
  expect(counter.bigint).toBe(4n * BigInt(Number.MAX_SAFE_INTEGER) + 1n)
  expect(counter.value).toBe(Number(counter.bigint))
  for (let i = 0; i < 5; i++) counter.add(Number.MIN_SAFE_INTEGER)
  expect(counter.bigint).toBe(-BigInt(Number.MAX_SAFE_INTEGER) + 1n)
})

// Around the limits of 32 bits the addition takes another way in.
test.each([
  2 ** 31 - 1,
  2 ** 31,
  2 ** 31 + 1,
  2 ** 32 - 1,
  2 ** 32,
  -(2 ** 31),
  -(2 ** 31) - 1,
  -(2 ** 32),
  2 ** 53 - 1,
])('adding %d is exact', (delta) => {
  for (const type of ['i64', 'f64'] as const) {
    const counter = new PerCpuCounter({ type })
    counter.add(delta)
    expect(counter.value).toBe(delta)
    expect(counter.bigint).toBe(BigInt(delta))
    counter.add(-delta)
    expect(counter.value).toBe(0)
  }
})

test('an i64 counter wraps at 64 bits', () => {
  const counter = new PerCpuCounter()
  for (let i = 0; i < 1024; i++) counter.add(Number.MAX_SAFE_INTEGER)
  counter.add(1023)
  expect(counter.bigint).toBe(2n ** 63n - 1n)
  expect(counter.value).toBe(2 ** 63)
  counter.increment()
  expect(counter.bigint).toBe(-(2n ** 63n))
  expect(counter.value).toBe(-(2 ** 63))
  counter.decrement()
  expect(counter.bigint).toBe(2n ** 63n - 1n)
})

test('perCpu() and overflow tell where the count is: they sum up to the value', () => {
  const counter = new PerCpuCounter()
  for (let i = 0; i < 1000; i++) counter.increment()
  expect(counter.perCpu()).toHaveLength(info().possibleCpus)
  expect(sum(counter.perCpu()) + counter.overflow).toBe(1000)
})

test('reset() returns what there was, and leaves what perCpu() tells', () => {
  const counter = new PerCpuCounter()
  counter.add(42)
  const before = counter.perCpu()
  expect(counter.reset()).toBe(42)
  expect(counter.value).toBe(0)
  expect(counter.bigint).toBe(0n)
  expect(counter.perCpu()).toEqual(before)
  expect(counter.overflow).toBe(-sum(before))
  expect(counter.reset()).toBe(0)
  counter.add(3)
  expect(counter.value).toBe(3)
  expect(sum(counter.perCpu())).toBe(sum(before) + 3)
  expect(counter.reset()).toBe(3)
})

test('reset() of an f64 counter, and of one below 0', () => {
  const halves = new PerCpuCounter({ type: 'f64' })
  halves.add(2.5)
  expect(halves.reset()).toBe(2.5)
  expect(halves.value).toBe(0)
  halves.add(0.25)
  expect(halves.reset()).toBe(0.25)

  const below = new PerCpuCounter()
  below.add(-7)
  expect(below.reset()).toBe(-7)
  expect(below.value).toBe(0)
})

test('counters are independent of each other', () => {
  const counters = Array.from({ length: 50 }, () => new PerCpuCounter())
  counters.forEach((counter, i) => {
    counter.add(i)
  })
  expect(counters.map(({ value }) => value)).toEqual(counters.map((_, i) => i))
})
