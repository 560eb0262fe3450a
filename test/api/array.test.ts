/** PerCpuArray in one thread: what each operation does and returns, bounds, and wrong arguments. */
import { expect, test } from 'vitest'
import { PerCpuArray, PerCpuCounter, PerCpuStack, RegionCorruptError, cpuOpv, info } from '../../lib/index.js'
import { pinned } from '../support/pinned.js'
import { wordsOfShards } from '../support/shards.js'

const MOST = Number.MAX_SAFE_INTEGER

test.for(['i64', 'i32', 'f64'] as const)('%s: each operation returns what was there', (element, { skip }) => {
  pinned(skip, () => {
    for (const index of ['cpu', 'concurrency'] as const) {
      const words = new PerCpuArray(3, { element, index })
      expect([words.element, words.length]).toEqual([element, 3])
      expect([words.load(1), words.add(1, 5), words.add(1, -7), words.load(1)]).toEqual([0, 0, 5, -2])
      expect([words.exchange(1, 9), words.store(1, 11), words.exchange(1, 0)]).toEqual([-2, 11, 11])
      expect([words.compareExchange(1, 1, 2), words.compareExchange(1, 0, 2), words.load(1)]).toEqual([
        0, 0, 2,
      ])
      expect([words.load(0), words.load(2)]).toEqual([0, 0])
    }
  })
})

test('whole numbers of 64 bits are exact in memory, and wrap there', ({ skip }) => {
  pinned(skip, () => {
    const words = new PerCpuArray(1)
    const sum = (): bigint =>
      words.getBigint('overflow', 0) +
      words.perCpu(0).reduce((all, _, cpu) => all + words.getBigint(cpu, 0), 0n)
    words.store(0, MOST)
    words.add(0, MOST)
    expect(sum()).toBe(2n * BigInt(MOST))
    expect(words.load(0)).toBe(Number(2n * BigInt(MOST)))
    for (let k = 0; k < 1022; k++) words.add(0, MOST)
    expect(sum()).toBe(1024n * BigInt(MOST))
    words.add(0, 1024)
    expect(sum()).toBe(-(2n ** 63n))
    expect(words.exchange(0, 1)).toBe(-(2 ** 63))
  })
})

test('whole numbers of 32 bits wrap as in an Int32Array', ({ skip }) => {
  pinned(skip, () => {
    const words = new PerCpuArray(1, { element: 'i32' })
    const model = new Int32Array(1)
    for (const value of [1, -1, 2 ** 31 - 1, 2 ** 31, -(2 ** 31) - 1, 2 ** 32, 2 ** 40 + 7, MOST, -MOST]) {
      expect(words.add(0, value)).toBe(Atomics.add(model, 0, value))
      expect(words.store(0, value)).toBe(Atomics.store(model, 0, value))
      expect(words.compareExchange(0, value, -value)).toBe(Atomics.compareExchange(model, 0, value, -value))
      expect(words.load(0)).toBe(model[0])
    }
  })
})

test('doubles are compared bit for bit, and any may be there', ({ skip }) => {
  pinned(skip, () => {
    const words = new PerCpuArray(1, { element: 'f64' })
    for (const value of [0.1, -0, Infinity, -Infinity, NaN, 5e-324, Number.MAX_VALUE]) {
      words.store(0, value)
      expect(words.load(0)).toBe(value)
      expect(words.compareExchange(0, value, 7)).toBe(value)
      expect(words.exchange(0, 0)).toBe(7)
    }
    expect([words.compareExchange(0, -0, 1), words.load(0)]).toEqual([0, 0])
    words.store(0, NaN)
    expect([words.add(0, 1), words.add(0, 1), words.lastCpu >= -1]).toEqual([NaN, NaN, true])
    words.store(0, -0)
    expect([words.add(0, -0), words.load(0)]).toEqual([-0, -0])
  })
})

test('the last CPU is the one whose word was changed', ({ skip }) => {
  pinned(skip, (cpu) => {
    const words = new PerCpuArray(2)
    expect(words.lastCpu).toBe(-1)
    for (let value = 1; value < 100; value++) {
      words.store(0, value)
      // An attempt may be interrupted often enough to go to the overflow words.
      const where = words.lastCpu < 0 ? ('overflow' as const) : words.lastCpu
      expect(words.get(where, 0)).toBe(value)
      if (info().backend === 'native' && where !== 'overflow') expect(where).toBe(cpu)
    }
  })
})

test('all words of all CPUs can be read', () => {
  const words = new PerCpuArray(2)
  for (let k = 0; k < 1000; k++) words.add(1, 2)
  expect(words.perCpu(1)).toHaveLength(info().possibleCpus)
  expect(words.perCpu(1).reduce((sum, value) => sum + value, words.overflow(1))).toBe(2000)
  expect(words.perCpu(0)).toEqual(words.perCpu(0).map(() => 0))
  expect(words.getBigint('overflow', 0)).toBe(0n)
})

test('a second object on one buffer sees the contents of the first', ({ skip }) => {
  pinned(skip, () => {
    const words = new PerCpuArray(3, { element: 'i32' })
    const other = PerCpuArray.from(words.buffer)
    expect([other.length, other.element, other.index]).toEqual([3, 'i32', words.index])
    words.store(2, 7)
    expect(other.load(2)).toBe(7)
  })
})

test('it takes as much memory as it says', () => {
  for (const length of [1, 15, 16, 1000]) {
    const stride = Math.ceil((8 * (length + 1)) / 128) * 128
    const { byteLength } = new PerCpuArray(length).buffer
    expect(byteLength).toBeLessThanOrEqual((info().possibleCpus + 1) * stride + 256)
  }
})

test('a buffer of something else is refused', () => {
  expect(() => PerCpuArray.from(new PerCpuCounter().buffer)).toThrow(/holds a PerCpuCounter;/)
  expect(() => PerCpuStack.from(new PerCpuArray(2).buffer)).toThrow(/holds a PerCpuArray;/)
  const { buffer } = new PerCpuCounter()
  new Uint32Array(buffer)[3] = 3
  expect(() => PerCpuCounter.from(buffer)).toThrow(/unknown value/)
  expect(() => PerCpuArray.from(null as never)).toThrow(TypeError)
})

// The nearest words beyond 32 bits, some whose lowest 32 bits are an i32, and one whose bits are a NaN.
test.each([
  ...[2n ** 31n, -(2n ** 31n) - 1n, 2n ** 32n, 2n ** 32n + 5n, 2n ** 32n - 1n],
  ...[2n ** 63n - 1n, -(2n ** 63n), 0x7ff8000000000000n],
])('a word that is no i32 is told: %i', (word) => {
  const words = new PerCpuArray(1, { element: 'i32' })
  const shards = wordsOfShards(words)
  const most = info().possibleCpus - 1
  const low = Number(BigInt.asIntN(32, word))
  for (const use of [
    () => words.load(0),
    () => words.add(0, 1),
    () => words.add(0, 2 ** 40),
    () => words.exchange(0, 1),
    () => words.store(0, 2 ** 33 + 7),
    () => words.compareExchange(0, 2 ** 31, 1),
    () => words.compareExchange(0, low, 1),
    () => words.get(most, 0),
    () => words.perCpu(0),
    () => words.overflow(0),
    () => words.getBigint(0, 0),
    () => words.onCpu(most, (owned) => owned.load(0)),
    () => words.onCpu(most, (owned) => owned.add(0, 1)),
    () => words.onCpu(most, (owned) => owned.compareExchange(0, low, 1)),
    () => cpuOpv(words, most, [{ op: 'compareEqual', index: 0, value: 0 }]),
    () => cpuOpv(words, most, [{ op: 'add', index: 0, value: 1 }]),
    () => cpuOpv(words, most, [{ op: 'shiftRight', index: 0, bits: 1 }]),
  ]) {
    for (const shard of shards) shard[1] = word
    expect(use).toThrow(RegionCorruptError)
  }
})

const f64 = { element: 'f64' } as const
test.each([
  ['length: expected an integer from 1', RangeError, () => new PerCpuArray(0)],
  ['length: expected an integer from 1', TypeError, () => new PerCpuArray('1' as never)],
  ['options: expected an object', TypeError, () => new PerCpuArray(1, null as never)],
  [
    "element: expected 'i64' or 'i32' or 'f64'",
    RangeError,
    () => new PerCpuArray(1, { element: 'i8' as never }),
  ],
  ["index: expected 'cpu'", RangeError, () => new PerCpuArray(1, { index: 'node' as never })],
  ['index: expected an integer from 0 to 0', RangeError, () => new PerCpuArray(1).add(1, 1)],
  ['index: expected an integer from 0 to 0', RangeError, () => new PerCpuArray(1, f64).exchange(2 ** 32, 1)],
  ['index: expected an integer from 0 to 0', RangeError, () => new PerCpuArray(1).load(-1)],
  ['index: expected an integer from 0 to 0', RangeError, () => new PerCpuArray(1, f64).load(1)],
  ['index: expected an integer from 0 to 0', TypeError, () => new PerCpuArray(1).load('0' as never)],
  ['index: expected an integer from 0 to 0', RangeError, () => new PerCpuArray(1).compareExchange(0.5, 0, 1)],
  ['delta: expected an integer from -(2**53 - 1)', RangeError, () => new PerCpuArray(1).add(0, 2 ** 53)],
  ['delta: expected an integer from -(2**53 - 1)', TypeError, () => new PerCpuArray(1).add(0, 7n as never)],
  ['delta: expected a number', TypeError, () => new PerCpuArray(1, f64).add(0, '7' as never)],
  ['value: expected an integer from -(2**53 - 1)', RangeError, () => new PerCpuArray(1).store(0, 0.5)],
  ['value: expected an integer from -(2**53 - 1)', RangeError, () => new PerCpuArray(1).exchange(0, NaN)],
  ['expected: expected an integer', RangeError, () => new PerCpuArray(1).compareExchange(0, 2 ** 53, 1)],
  ['expected: expected an integer', TypeError, () => new PerCpuArray(1).compareExchange(0, null as never, 1)],
  ['desired: expected an integer', RangeError, () => new PerCpuArray(1).compareExchange(0, 0, 0.5)],
  ['cpu: expected an integer from 0', RangeError, () => new PerCpuArray(1).get(info().possibleCpus, 0)],
  ['cpu: expected an integer from 0', TypeError, () => new PerCpuArray(1).get('0' as never, 0)],
  ['index: expected an integer from 0 to 0', RangeError, () => new PerCpuArray(1).get(0, 1)],
  ["element: expected 'i64' or 'i32'", TypeError, () => new PerCpuArray(1, f64).getBigint(0, 0)],
  ['cpu: expected an integer from 0', RangeError, () => new PerCpuArray(1).onCpu(0.5, () => 1)],
  ['use: expected a function', TypeError, () => new PerCpuArray(1).onCpu(0, 7 as never)],
  ['index: expected an integer', RangeError, () => new PerCpuArray(1).onCpu(0, (owned) => owned.load(1))],
  [
    'value: expected an integer',
    RangeError,
    () => new PerCpuArray(1).onCpu(0, (owned) => owned.store(0, NaN)),
  ],
] as const)('%s', (message, type, call) => {
  expect(call).toThrow(type)
  expect(call).toThrow(message)
})
