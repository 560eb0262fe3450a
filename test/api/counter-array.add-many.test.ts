/** Many additions at a time: addMany. Its races are in batch-teams. */
import { describe, expect, test } from 'vitest'
import { CounterBatch, PerCpuCounterArray } from '../../lib/index.js'
import { runProgram } from '../support/program.js'

const types = ['i64', 'f64'] as const

describe('addMany', () => {
  test.each(types)('%s: adds each delta to its element', (type) => {
    const counters = new PerCpuCounterArray(4, { type })
    counters.addMany(Uint32Array.of(3, 0, 3, 1), Float64Array.of(1, -2, 2 ** 40, 7))
    expect([...counters.snapshot()]).toEqual([-2, 7, 0, 2 ** 40 + 1])
  })

  test('f64: fractions', () => {
    const counters = new PerCpuCounterArray(2, { type: 'f64' })
    counters.addMany(Uint32Array.of(0, 1, 0), Float64Array.of(0.5, 1e300, 0.25))
    expect([...counters.snapshot()]).toEqual([0.75, 1e300])
  })

  test.each([0, 1, 255, 256, 257, 512, 10_000])('makes %d additions', (many) => {
    const counters = new PerCpuCounterArray(7)
    const indices = Uint32Array.from({ length: many }, (_, k) => k % 7)
    const deltas = Float64Array.from({ length: many }, (_, k) => (k % 5 === 0 ? 2 ** 35 + k : k))
    counters.addMany(indices, deltas)
    const expected = new Array<number>(7).fill(0)
    deltas.forEach((delta, k) => (expected[k % 7] = (expected[k % 7] as number) + delta))
    expect([...counters.snapshot()]).toEqual(expected)
  })

  test('count limits the additions; entries behind it are not read', () => {
    const counters = new PerCpuCounterArray(3)
    const indices = Uint32Array.of(0, 1, 99)
    const deltas = Float64Array.of(5, 6, NaN, Infinity)
    counters.addMany(indices, deltas, 2)
    expect([...counters.snapshot()]).toEqual([5, 6, 0])
    counters.addMany(indices, deltas, 0)
    counters.addMany(indices, deltas, 1)
    expect([...counters.snapshot()]).toEqual([10, 6, 0])
    counters.addMany(new Uint32Array(0), new Float64Array(0))
    counters.addMany(Uint32Array.of(2), Float64Array.of(1, 2, 3), undefined)
    expect([...counters.snapshot()]).toEqual([10, 6, 1])
  })

  test.each([
    [4, RangeError],
    [-1, RangeError],
    [1.5, RangeError],
    [NaN, RangeError],
    [Infinity, RangeError],
    ['1', TypeError],
    [null, TypeError],
    [1n, TypeError],
  ])('a count of %s is refused', (count, error) => {
    const counters = new PerCpuCounterArray(1)
    const call = (): void => {
      counters.addMany(new Uint32Array(3), new Float64Array(5).fill(1), count as number)
    }
    expect(call).toThrow(error)
    expect(call).toThrow(/^count: expected an integer from 0 to 3, got /)
    expect(counters.get(0)).toBe(0)
  })

  test('more indices than deltas need a count', () => {
    const counters = new PerCpuCounterArray(1)
    const [indices, deltas] = [new Uint32Array(3), Float64Array.of(1, 2)]
    expect(() => {
      counters.addMany(indices, deltas)
    }).toThrow('count: expected an integer from 0 to 2, got 3')
    counters.addMany(indices, deltas, 2)
    expect(counters.get(0)).toBe(3)
  })

  test.each([
    ['an index', 5, 1, RangeError, /^index: expected an integer from 0 to 4, got 5$/],
    [
      'the largest index',
      2 ** 32 - 1,
      1,
      RangeError,
      /^index: expected an integer from 0 to 4, got 4294967295$/,
    ],
    ['a fraction', 0, 0.5, RangeError, /^delta: expected an integer .* for an i64 counter, got 0.5$/],
    ['NaN', 0, NaN, RangeError, /^delta: .*, got NaN$/],
    ['2 ** 53', 0, 2 ** 53, RangeError, /^delta: .*, got 9007199254740992$/],
  ])('%s that is wrong, wherever it stands, and none is made', (_, index, delta, error, message) => {
    for (const many of [1, 2, 256, 257, 600]) {
      for (const at of [0, many >> 1, many - 1]) {
        const counters = new PerCpuCounterArray(5)
        const indices = Uint32Array.from({ length: many }, (_, k) => k % 5)
        const deltas = new Float64Array(many).fill(1)
        indices[at] = index
        deltas[at] = delta
        const call = (): void => {
          counters.addMany(indices, deltas)
        }
        expect(call).toThrow(error)
        expect(call).toThrow(message)
        expect([...counters.snapshot()]).toEqual([0, 0, 0, 0, 0])
        // Nor by the next call.
        counters.addMany(Uint32Array.of(1), Float64Array.of(3))
        expect([...counters.snapshot()]).toEqual([0, 3, 0, 0, 0])
      }
    }
  })

  test.each([
    ['indices', [0], new Float64Array(1)],
    ['indices', new Int32Array(1), new Float64Array(1)],
    ['indices', new BigUint64Array(1), new Float64Array(1)],
    ['indices', undefined, new Float64Array(1)],
    ['indices', null, new Float64Array(1)],
    ['indices', { length: 1, 0: 0 }, new Float64Array(1)],
    ['deltas', new Uint32Array(1), [1]],
    ['deltas', new Uint32Array(1), new Float32Array(1)],
    ['deltas', new Uint32Array(1), new BigInt64Array(1)],
    ['deltas', new Uint32Array(1), undefined],
    ['deltas', new Uint32Array(1), null],
  ])('%s of another type are refused: %o, %o', (argument, indices, deltas) => {
    const counters = new PerCpuCounterArray(1)
    const call = (): void => {
      counters.addMany(indices as Uint32Array, deltas as Float64Array)
    }
    expect(call).toThrow(TypeError)
    expect(call).toThrow(
      new RegExp(`^${argument}: expected a ${argument === 'indices' ? 'Uint32Array' : 'Float64Array'}, got `),
    )
  })

  test('takes parts of larger buffers, and shared memory', () => {
    const counters = new PerCpuCounterArray(4)
    const all = new Uint32Array([9, 9, 1, 2, 9])
    counters.addMany(all.subarray(2, 4), new Float64Array([8, 4, 5]).subarray(1))
    const shared = new Uint32Array(new SharedArrayBuffer(12), 4, 2)
    shared.set([3, 1])
    counters.addMany(shared, new Float64Array(new SharedArrayBuffer(16)).fill(10))
    expect([...counters.snapshot()]).toEqual([0, 14, 5, 10])
  })

  test('takes subclasses at their word, and no further', () => {
    class Liar extends Uint32Array {
      override get length(): number {
        return 1e9
      }
    }
    const counters = new PerCpuCounterArray(1)
    const call = (): void => {
      counters.addMany(new Liar(2), new Float64Array(100).fill(1), 50)
    }
    expect(call).toThrow('index: expected an integer from 0 to 0, got undefined (undefined)')
    expect(counters.get(0)).toBe(0)
  })

  test('refuses a Proxy of an array, which could say something else each time it is asked', () => {
    const counters = new PerCpuCounterArray(2)
    const indices = new Proxy(Uint32Array.of(0, 1), {})
    const deltas = new Proxy(Float64Array.of(5, 5), {})
    expect(() => {
      counters.addMany(indices, Float64Array.of(5, 5))
    }).toThrow(/^indices: expected a Uint32Array, got /)
    expect(() => {
      counters.addMany(Uint32Array.of(0, 1), deltas)
    }).toThrow(/^deltas: expected a Float64Array, got /)
    expect([...counters.snapshot()]).toEqual([0, 0])
  })

  test('leaves the batches of others alone', () => {
    const counters = new PerCpuCounterArray(2)
    const batch = new CounterBatch(counters)
    batch.add(0, 1)
    counters.addMany(Uint32Array.of(1), Float64Array.of(5))
    expect([batch.size, ...counters.snapshot()]).toEqual([1, 0, 5])
  })

  test('survives arrays that are overwritten between check and use, and forgets what such a call left half-way', async () => {
    const { result } = await runProgram<{
      made: number
      refused: number
      scribbles: number
      problems: string[]
    }>('scribbled-arrays')
    expect(result.problems).toEqual([])
    expect(result.made + result.refused).toBe(3000)
    expect(result.scribbles).toBeGreaterThan(0)
  })
})
