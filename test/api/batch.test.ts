/** Many additions at a time: CounterBatch. Its races are in batch-teams. */
import { describe, expect, test } from 'vitest'
import { CounterBatch, PerCpuCounter, PerCpuCounterArray } from '../../lib/index.js'

const types = ['i64', 'f64'] as const

/** The first counter whose additions are kept one by one. */
const FAR = 64

describe('CounterBatch', () => {
  test.each(types)('%s: nothing is counted before commit(), all of it after', (type) => {
    const counters = new PerCpuCounterArray(5, { type })
    const batch = new CounterBatch(counters)
    expect([batch.size, batch.capacity]).toEqual([0, 256])
    batch.add(0, 3)
    batch.increment(4)
    batch.add(0, -1)
    batch.add(2, 0)
    // Two sums that are not 0.
    expect(batch.size).toBe(2)
    expect([...counters.snapshot()]).toEqual([0, 0, 0, 0, 0])
    batch.commit()
    expect(batch.size).toBe(0)
    expect([...counters.snapshot()]).toEqual([2, 0, 0, 0, 1])
    batch.commit()
    expect([...counters.snapshot()]).toEqual([2, 0, 0, 0, 1])
  })

  test('is used again and again', () => {
    const counters = new PerCpuCounterArray(3)
    const batch = new CounterBatch(counters, 8)
    for (let round = 1; round <= 1000; round++) {
      for (let k = 0; k < round % 9; k++) batch.add(k % 3, round)
      batch.commit()
    }
    let expected = 0
    for (let round = 1; round <= 1000; round++) expected += round * (round % 9)
    expect(counters.snapshot().reduce((a, b) => a + b)).toBe(expected)
  })

  test.each([1, 2, 7, 256])('of %d: the addition that finds it full commits those before it', (capacity) => {
    const counters = new PerCpuCounterArray(FAR + 2)
    const batch = new CounterBatch(counters, capacity)
    const seen = (): number[] => [batch.size, ...[3, FAR, FAR + 1].map((i) => counters.get(i))]
    expect(batch.capacity).toBe(capacity)
    batch.add(3, 7)
    for (let k = 0; k < capacity; k++) {
      batch.increment(FAR)
      expect(seen()).toEqual([k + 2, 0, 0, 0])
    }
    batch.add(FAR + 1, 10)
    expect(seen()).toEqual([1, 7, capacity, 0])
    batch.commit()
    expect(seen()).toEqual([0, 7, capacity, 10])
  })

  test.each(types)('%s: of the first counters, it holds any number of small additions', (type) => {
    const counters = new PerCpuCounterArray(FAR + 1, { type })
    const batch = new CounterBatch(counters, 1)
    for (let round = 0; round < 1000; round++) for (let i = 0; i < FAR; i++) batch.add(i, i)
    expect([batch.size, counters.get(1)]).toEqual([FAR - 1, 0])
    batch.commit()
    expect([...counters.snapshot()]).toEqual(
      Array.from({ length: FAR + 1 }, (_, i) => (i < FAR ? 1000 * i : 0)),
    )
  })

  test.each(types)('%s: a sum that has no room in 32 bits goes on beside it', (type) => {
    const counters = new PerCpuCounterArray(1, { type })
    const batch = new CounterBatch(counters, 2)
    const most = 2 ** 31 - 1
    batch.add(0, most)
    batch.add(0, 1)
    batch.add(0, most)
    expect([batch.size, counters.get(0)]).toEqual([3, 0])
    batch.commit()
    expect(counters.get(0)).toBe(2 * most + 1)
    batch.add(0, -most - 1)
    batch.add(0, -1)
    batch.commit()
    expect(counters.get(0)).toBe(most - 1)
  })

  test('of 1: each addition commits the one before it', () => {
    const counters = new PerCpuCounterArray(FAR + 1)
    const batch = new CounterBatch(counters, 1)
    for (let k = 0; k < 100; k++) {
      expect(counters.get(FAR)).toBe(2 * Math.max(0, k - 1))
      batch.add(FAR, 2)
    }
    batch.commit()
    expect(counters.get(FAR)).toBe(200)
  })

  test('clear() forgets, and the batch works on', () => {
    const counters = new PerCpuCounterArray(2)
    const batch = new CounterBatch(counters, 4)
    batch.add(0, 1)
    batch.add(1, 2 ** 40)
    batch.clear()
    expect(batch.size).toBe(0)
    batch.commit()
    expect([...counters.snapshot()]).toEqual([0, 0])
    // Where the forgotten wide delta was there is a small one now, and the other way round.
    batch.add(1, 2 ** 41)
    batch.add(0, 7)
    batch.commit()
    expect([...counters.snapshot()]).toEqual([7, 2 ** 41])
  })

  test('i64: deltas of all widths, exactly, in any mixture', () => {
    const deltas = [
      ...[0, -0, 1, -1, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, -(2 ** 31), -(2 ** 31) - 1],
      ...[2 ** 32 - 1, 2 ** 32, -(2 ** 32), 2 ** 40, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
    ]
    for (const capacity of [1, 4, deltas.length, 256]) {
      const counters = new PerCpuCounterArray(deltas.length + 1)
      const batch = new CounterBatch(counters, capacity)
      deltas.forEach((delta, i) => {
        batch.add(i, delta)
        batch.add(deltas.length, delta)
      })
      batch.commit()
      deltas.forEach((delta, i) => {
        expect(counters.getBigint(i)).toBe(BigInt(delta))
      })
      const total = deltas.reduce((all, delta) => all + BigInt(delta), 0n)
      expect(counters.getBigint(deltas.length)).toBe(total)
    }
  })

  test('i64: wraps at 64 bits, as add does', () => {
    const counters = new PerCpuCounterArray(1)
    const batch = new CounterBatch(counters)
    for (let k = 0; k < 1024; k++) batch.add(0, Number.MAX_SAFE_INTEGER)
    batch.add(0, 1024)
    batch.commit()
    expect(counters.getBigint(0)).toBe(-(2n ** 63n))
  })

  test('f64: fractions, large and tiny numbers, beside small integers', () => {
    const deltas = [0.5, -0.25, 3, 1e300, 5e-324, 2 ** 53, -(2 ** 31) - 0.5, 2 ** 31, -7, 0.1]
    const counters = new PerCpuCounterArray(deltas.length, { type: 'f64' })
    const batch = new CounterBatch(counters, 3)
    deltas.forEach((delta, i) => {
      batch.add(i, delta)
    })
    batch.commit()
    expect([...counters.snapshot()]).toEqual(deltas)
  })

  // Every delta is a multiple of a quarter and small: then sums of doubles are exact as well.
  test.each(types)('%s: does what a list of additions would, over a long random life', (type) => {
    const length = FAR + 13
    const counters = new PerCpuCounterArray(length, { type, index: 'concurrency' })
    const batch = new CounterBatch(counters, 5)
    const totals = new Array<number>(length).fill(0)
    let pending: [i: number, delta: number][] = []
    const isSummed = ([i, delta]: [number, number]): boolean => i < FAR && (delta | 0) === delta
    const entries = (): number => pending.filter((addition) => !isSummed(addition)).length
    const sums = (): number => {
      const sum = new Map<number, number>()
      for (const [i, delta] of pending.filter(isSummed)) sum.set(i, (sum.get(i) ?? 0) + delta)
      return [...sum.values()].filter((value) => value !== 0).length
    }
    let state = 20261121
    const dice = (sides: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return (state >>> 8) % sides
    }
    const commit = (): void => {
      for (const [i, delta] of pending) totals[i] = (totals[i] as number) + delta
      pending = []
    }
    const deltas = [() => dice(100) - 50, () => 2 ** 31 + dice(10), () => -(2 ** 34), () => dice(9) / 4]
    for (let step = 0; step < 5000; step++) {
      const choice = dice(20)
      if (choice === 0) {
        batch.clear()
        pending = []
      } else if (choice <= 2) {
        batch.commit()
        commit()
      } else {
        // Few of the first ones, so that some are added to again and again.
        const i = dice(2) === 0 ? dice(9) : FAR - 5 + dice(20)
        const delta = (deltas[dice(deltas.length)] as () => number)()
        const isRefused = i >= length || (type === 'i64' && !Number.isInteger(delta))
        if (isRefused) {
          expect(() => {
            batch.add(i, delta)
          }).toThrow(RangeError)
        } else {
          batch.add(i, delta)
          if (!isSummed([i, delta]) && entries() === 5) commit()
          pending.push([i, delta])
        }
      }
      expect(batch.size).toBe(entries() + sums())
      if (step % 50 === 0) expect([...counters.snapshot()]).toEqual(totals)
    }
    batch.commit()
    commit()
    expect([...counters.snapshot()]).toEqual(totals)
  })

  test('a mistake throws what add throws, and leaves the batch as it was', () => {
    const mistakes: [i: unknown, delta: unknown][] = [
      ...[4, -1, 0.5, NaN, 2 ** 31, 2 ** 32, '0', null, undefined, 1n].map((i): [unknown, unknown] => [i, 1]),
      ...[NaN, Infinity, 0.5, 2 ** 53, '1', null, undefined, 1n, {}].map((d): [unknown, unknown] => [0, d]),
      [4, 2 ** 40],
      [2 ** 31, 2 ** 40],
      [-1, NaN],
    ]
    const counters = new PerCpuCounterArray(4)
    const batch = new CounterBatch(counters, 2)
    batch.add(1, 5)
    for (const isFull of [false, true]) {
      if (isFull) for (let k = 0; k < 2; k++) batch.add(2, 2 ** 33)
      const { size } = batch
      for (const [i, delta] of mistakes) {
        const refused = (add: (i: number, delta: number) => void): string => {
          try {
            add(i as number, delta as number)
          } catch (error) {
            return String(error)
          }
          return 'accepted'
        }
        const ofBatch = refused((i, delta) => {
          batch.add(i, delta)
        })
        const ofArray = refused((i, delta) => {
          counters.add(i, delta)
        })
        expect(ofBatch).toBe(ofArray)
        expect(ofBatch).toMatch(/^(Type|Range)Error: (index|delta): expected /)
        expect(batch.size).toBe(size)
      }
      expect([...counters.snapshot()]).toEqual([0, 0, 0, 0])
    }
    batch.commit()
    expect([...counters.snapshot()]).toEqual([0, 5, 2 ** 34, 0])
  })

  test('several batches of one array are independent of each other', () => {
    const counters = new PerCpuCounterArray(2)
    const [one, other] = [new CounterBatch(counters), new CounterBatch(counters)]
    const elsewhere = new CounterBatch(PerCpuCounterArray.from(counters.buffer))
    one.add(0, 1)
    other.add(0, 10)
    elsewhere.add(1, 100)
    other.commit()
    expect([...counters.snapshot()]).toEqual([10, 0])
    one.clear()
    one.commit()
    elsewhere.commit()
    expect([...counters.snapshot()]).toEqual([10, 100])
    expect([one.size, other.size, elsewhere.size]).toEqual([0, 0, 0])
  })

  test('outlives the array that it was made of', () => {
    const { buffer } = new PerCpuCounterArray(2)
    const batch = new CounterBatch(PerCpuCounterArray.from(buffer))
    batch.add(1, 3)
    batch.commit()
    expect(PerCpuCounterArray.from(buffer).get(1)).toBe(3)
  })

  test.each([
    [0, RangeError],
    [-1, RangeError],
    [1.5, RangeError],
    [NaN, RangeError],
    [2 ** 20 + 1, RangeError],
    [2 ** 32 + 1, RangeError],
    ['5', TypeError],
    [null, TypeError],
    [5n, TypeError],
  ])('is not made with a capacity of %s', (capacity, error) => {
    const make = (): unknown => new CounterBatch(new PerCpuCounterArray(1), capacity as number)
    expect(make).toThrow(error)
    expect(make).toThrow(/^capacity: expected an integer from 1 to 1048576, got /)
  })

  test('may be as large as it says', () => {
    const counters = new PerCpuCounterArray(FAR + 1)
    const batch = new CounterBatch(counters, 2 ** 20)
    for (let k = 0; k < 2 ** 20; k++) batch.add(FAR, k % 2 === 0 ? 1 : 2 ** 32)
    expect([batch.size, counters.get(FAR)]).toEqual([2 ** 20, 0])
    batch.commit()
    expect(counters.get(FAR)).toBe(2 ** 19 * (2 ** 32 + 1))
  })

  test.each([undefined, null, 1, 'x', {}, new PerCpuCounter(), new SharedArrayBuffer(8)])(
    'is not made of %o',
    (counters) => {
      const make = (): unknown => new CounterBatch(counters as PerCpuCounterArray)
      expect(make).toThrow(TypeError)
      expect(make).toThrow(/^counters: expected a PerCpuCounterArray, got /)
    },
  )
})
