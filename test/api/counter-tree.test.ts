/** Counters with a tree in one thread: the value, what the tree knows of it, and `atLeast`. */
import { describe, expect, test } from 'vitest'
import { PerCpuCounter, PerCpuCounterTree, PerCpuHistogram, info } from '../../lib/index.js'
import { newCounterTree } from '../../lib/counter/counter-tree.js'
import { COUNTER_TREE_HEADER_BYTES, CounterTreeHeader } from '../../lib/core/counter-tree-layout.js'
import { generator } from '../support/damage.js'

/** A tree for a machine with so many possible CPUs. */
const treeOf = (shards: number, step = 64): PerCpuCounterTree =>
  PerCpuCounterTree.from(newCounterTree({ step }, shards))

describe.each([1, 2, 33, 512])('with %i possible CPUs', (shards) => {
  test('the value is exact, and the tree is as accurate as it says', () => {
    const random = generator(shards)
    const tree = treeOf(shards)
    let sum = 0
    for (let i = 0; i < 3000; i++) {
      const delta = Math.floor((random() - 0.4) * ([3, 100, 10_000, 2 ** 40][i % 4] ?? 1))
      tree.add(delta)
      sum += delta
      expect(Math.abs(tree.approximate - sum)).toBeLessThan(tree.inaccuracy)
      expect(Number.isInteger(tree.approximate / tree.step)).toBe(true)
    }
    expect([tree.value, tree.bigint]).toEqual([sum, BigInt(sum)])
  })

  test('atLeast() says what the value says', () => {
    const tree = treeOf(shards)
    tree.add(1_000_000)
    tree.add(-77)
    const { value, inaccuracy } = tree
    for (const distance of [0, 1, 64, inaccuracy - 1, inaccuracy, inaccuracy + 1, 3 * inaccuracy, Infinity]) {
      for (const n of [value - distance, value + distance, value + distance + 0.5]) {
        expect(tree.atLeast(n)).toBe(value >= n)
      }
    }
  })
})

test('the numbers that describe it', () => {
  const tree = new PerCpuCounterTree({ step: 100, index: 'concurrency' })
  expect(tree.step).toBe(100)
  expect(tree.inaccuracy).toBe(300 * (info().possibleCpus + 1))
  expect(['cpu', 'concurrency']).toContain(tree.index)
  expect(new PerCpuCounterTree().step).toBe(1024)
  expect(tree.buffer.byteLength).toBeLessThanOrEqual((info().possibleCpus + 1) * 128 + 384)
  tree.increment()
  tree.increment()
  tree.decrement()
  expect(tree.value).toBe(1)
  expect(tree.perCpu().reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(1)
  expect(JSON.parse(JSON.stringify(tree))).toMatchObject({ step: 100, value: 1 })
})

test('atLeast() does not read the shards where the tree is sure', () => {
  const tree = treeOf(512)
  tree.add(1_000_000)
  const { approximate, inaccuracy } = tree
  // The totals are overwritten, and the tree is not: only an answer that reads them can change.
  const words = new BigInt64Array(tree.buffer, COUNTER_TREE_HEADER_BYTES)
  for (let i = 0; i < words.length; i++) if (words[i] === 1_000_000n) words[i] = 0n
  expect(tree.value).toBe(0)
  expect(tree.atLeast(approximate - inaccuracy)).toBe(true)
  expect(tree.atLeast(approximate + inaccuracy)).toBe(false)
  expect(tree.atLeast(approximate - inaccuracy + 1)).toBe(false)
})

test('from() opens it in another object, which carries into the same tree', () => {
  const one = new PerCpuCounterTree({ step: 64 })
  const other = PerCpuCounterTree.from(one.buffer)
  for (let i = 0; i < 5000; i++) (i % 2 === 0 ? one : other).add(3)
  expect([one.value, other.value]).toEqual([15_000, 15_000])
  expect(one.approximate).toBe(other.approximate)
  expect(one.approximate).toBeGreaterThan(15_000 - one.inaccuracy)
})

test('what is refused', () => {
  for (const [options, message] of [
    [{ step: 63 }, /step: expected .*64/],
    [{ step: 2 ** 31 }, /step/],
    [{ step: 64.5 }, /step/],
    [{ step: '64' }, /step/],
    [{ index: 'node' }, /index/],
    [{ approximate: true }, /approximate/],
  ] as const) {
    expect(() => new PerCpuCounterTree(options as object)).toThrow(message)
  }
  const tree = new PerCpuCounterTree()
  for (const delta of [1.5, 2 ** 53, NaN, Infinity, '1', undefined, 1n]) {
    expect(() => {
      tree.add(delta as number)
    }).toThrow(/delta: expected/)
  }
  expect(tree.value).toBe(0)
  for (const n of [NaN, '5', undefined, null, 5n, {}]) {
    expect(() => tree.atLeast(n as number)).toThrow(/n: expected a number/)
  }
})

test('a buffer with something else is refused, and says what opens it', () => {
  expect(() => PerCpuCounterTree.from(new PerCpuCounter().buffer)).toThrow(
    /PerCpuCounter\.from\(buffer\) opens it/,
  )
  expect(() => PerCpuCounter.from(new PerCpuCounterTree().buffer)).toThrow(
    /PerCpuCounterTree\.from\(buffer\) opens it/,
  )
  expect(() => PerCpuHistogram.from(new PerCpuCounterTree().buffer)).toThrow(/PerCpuCounterTree/)
  expect(() => PerCpuCounterTree.from(new SharedArrayBuffer(100))).toThrow(/is too short/)
  expect(() => PerCpuCounterTree.from(new SharedArrayBuffer(1000))).toThrow(/was not made by rseq/)
  for (const [word, value, message] of [
    [CounterTreeHeader.version, 2, /another version/],
    [CounterTreeHeader.step, 63, /was overwritten/],
    [CounterTreeHeader.step, 2 ** 31, /was overwritten/],
  ] as const) {
    const { buffer } = new PerCpuCounterTree()
    new Uint32Array(buffer)[word] = value
    expect(() => PerCpuCounterTree.from(buffer)).toThrow(message)
  }
})

test('overwritten words give wrong numbers, and end no call', () => {
  const random = generator(1)
  const tree = new PerCpuCounterTree({ step: 64 })
  const words = new BigInt64Array(tree.buffer, COUNTER_TREE_HEADER_BYTES + 256)
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < words.length; i++) {
      words[i] = BigInt.asIntN(64, BigInt(Math.floor(random() * 2 ** 53)) << BigInt(round % 20))
    }
    for (const delta of [1, -1, 2 ** 53 - 1, -(2 ** 53 - 1)]) tree.add(delta)
    expect(typeof tree.approximate).toBe('number')
    expect(typeof tree.value).toBe('number')
    expect(typeof tree.atLeast(0)).toBe('boolean')
  }
})
