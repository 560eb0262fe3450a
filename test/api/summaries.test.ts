/** How objects look to console.log, JSON.stringify and template strings; and iterating over what has elements. */
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import {
  CounterBatch,
  Mutex,
  type OwnedArray,
  type OwnedList,
  type OwnedStack,
  PerCpuArray,
  PerCpuCounter,
  PerCpuCounterArray,
  PerCpuCounterTree,
  PerCpuHistogram,
  PerCpuList,
  PerCpuLock,
  PerCpuHeap,
  PerCpuPool,
  PerCpuRing,
  PerCpuStack,
  info,
} from '../../lib/index.js'

type Shown = object & { [Symbol.dispose]?: () => void }

const counters = (): PerCpuCounterArray => {
  const array = new PerCpuCounterArray(4)
  array.add(1, 5)
  return array
}

/** Each class: its name, an object of it, and what JSON says of that. */
const OBJECTS: [name: string, make: () => Shown, json: object][] = [
  [
    'PerCpuCounter',
    () => {
      const counter = new PerCpuCounter()
      counter.add(42)
      return counter
    },
    { type: 'i64', index: 'cpu', value: 42 },
  ],
  ['PerCpuCounterArray', counters, { type: 'i64', index: 'cpu', length: 4, values: [0, 5, 0, 0] }],
  [
    'PerCpuCounterTree',
    () => {
      const tree = new PerCpuCounterTree()
      tree.add(42)
      return tree
    },
    { step: 1024, index: 'cpu', value: 42 },
  ],
  [
    'CounterBatch',
    () => {
      const batch = new CounterBatch(counters(), 8)
      batch.add(1, 1)
      return batch
    },
    { capacity: 8, size: 1 },
  ],
  [
    'PerCpuHistogram',
    () => {
      const histogram = new PerCpuHistogram({ highest: 1000 })
      for (const value of [1, 2, 3, 100]) histogram.record(value)
      return histogram
    },
    { lowest: 1, highest: 1000, digits: 2, count: 4, sum: 106, min: 1, max: 100, p50: 2, p99: 100 },
  ],
  [
    'HistogramSnapshot',
    () => {
      const histogram = new PerCpuHistogram({ highest: 1000 })
      histogram.record(7)
      return histogram.snapshot()
    },
    { lowest: 1, highest: 1000, digits: 2, count: 1, sum: 7, min: 7, max: 7, p50: 7, p99: 7 },
  ],
  [
    'PerCpuStack',
    () => {
      const stack = new PerCpuStack(3)
      stack.push(1)
      return stack
    },
    { capacity: 3, index: 'cpu', size: 1 },
  ],
  [
    'PerCpuList',
    () => new PerCpuList({ nodes: 3, payloadSize: 8 }),
    { nodes: 3, payloadSize: 8, checked: false, index: 'cpu' },
  ],
  [
    'PerCpuPool',
    () => {
      const pool = new PerCpuPool({ blocks: 3, blockSize: 8 })
      pool.alloc()
      return pool
    },
    { blocks: 3, blockSize: 8, checked: false, cache: 3, index: 'cpu', available: 2 },
  ],
  ['PerCpuHeap', () => new PerCpuHeap(5000), { bytes: 4096, checked: false }],
  [
    'PerCpuRing',
    () => new PerCpuRing(4096),
    { capacity: 4096, policy: 'discard', index: 'cpu', longest: 1000, dropped: 0 },
  ],
  ['PerCpuArray', () => new PerCpuArray(2), { element: 'i64', index: 'cpu', length: 2 }],
  ['Mutex', () => new Mutex(), { locked: false }],
  ['PerCpuLock', () => new PerCpuLock(), { length: info().possibleCpus + 1, locked: [] }],
]

test.each(OBJECTS)('%s: JSON, inspect and text', (name, make, json) => {
  const object = make()
  const seen = JSON.parse(JSON.stringify(object)) as object
  expect(seen).toEqual(name === 'PerCpuRing' ? { ...json, longest: expect.any(Number) as number } : json)
  expect(inspect(object)).toBe(`${name} ${inspect(seen)}`)
  expect(inspect(object)).not.toMatch(/Uint8Contents/)
  expect(inspect({ a: { b: { object } } })).toContain(`[${name}]`)
  const [, first] = Object.keys(json)
  // Values do not get into the text as "[object Object]", and the text has one line.
  // eslint-disable-next-line @typescript-eslint/no-base-to-string
  const text = String(object)
  expect(text).toMatch(new RegExp(`^${name} \\{ .*\\}$`))
  expect(text).toContain(first ?? 'locked')
  expect(text).not.toContain('\n')
})

test.each(OBJECTS)('%s that is closed, its prototype, and a stranger: shown, and no error', (_, make) => {
  const object = make()
  const prototype = Object.getPrototypeOf(object) as object
  object[Symbol.dispose]?.()
  for (const value of [object, prototype, Object.create(prototype) as object]) {
    expect(typeof inspect(value)).toBe('string')
    // eslint-disable-next-line @typescript-eslint/no-base-to-string
    expect(typeof String(value)).toBe('string')
    expect(typeof JSON.stringify(value)).toBe('string')
  }
})

test('regions with any overwritten bytes are shown', () => {
  for (const [, make] of OBJECTS) {
    const object = make() as Shown & { buffer?: SharedArrayBuffer }
    if (object.buffer === undefined) continue
    for (const fill of [0xff, 0x00, 0x7f, 0x80]) {
      new Uint8Array(object.buffer).fill(fill)
      expect(typeof inspect(object)).toBe('string')
      // eslint-disable-next-line @typescript-eslint/no-base-to-string
      expect(typeof String(object)).toBe('string')
      expect(typeof JSON.stringify(object)).toBe('string')
    }
  }
})

test('the stack whose count is overwritten says so', () => {
  const stack = new PerCpuStack(3)
  new Uint8Array(stack.buffer).fill(0xff, 64)
  expect(stack.toJSON()).toEqual({ error: expect.stringMatching(/^rseq: the stack/) as string })
})

test('many counters: inspect shows as many as it does of an array, JSON all of them', () => {
  const array = new PerCpuCounterArray(1000)
  array.add(999, 7)
  const json = array.toJSON() as { values: number[] }
  expect(json.values.length).toBe(1000)
  expect(json.values[999]).toBe(7)
  expect(inspect(array).match(/\b0\b/g)?.length).toBe(100)
  expect(inspect(array)).toContain('length: 1000')
  expect(inspect(array, { maxArrayLength: null })).toContain('7')
  expect(array.toString()).toBe(
    "PerCpuCounterArray { type: 'i64', index: 'cpu', length: 1000, values: [ 0, 0, 0 ] }",
  )
})

test('locks show their owner', () => {
  const mutex = new Mutex()
  mutex.lock()
  expect(mutex.toJSON()).toEqual({ locked: true, thread: expect.any(Number) as number })
  expect(Mutex.from(mutex.buffer).toJSON()).toEqual(mutex.toJSON())
  const lock = new PerCpuLock()
  const cpu = lock.lockThisCpu()
  expect(lock.toJSON()).toMatchObject({ locked: [{ cpu, locked: true }] })
  lock.unlock(cpu)
  mutex.unlock()
})

test('what an owner of a CPU has is shown, and after the end the error', ({ skip }) => {
  const seen: (OwnedArray | OwnedList | OwnedStack)[] = []
  const words = new PerCpuArray(2)
  words.onCpu('overflow', (owned) => {
    owned.store(1, 5)
    expect([...owned]).toEqual([0, 5])
    expect(owned.toJSON()).toEqual({ cpu: 'overflow', length: 2, values: [0, 5] })
    seen.push(owned)
  })
  skip(info().possibleCpus === 0)
  new PerCpuStack(2).onCpu(0, (owned) => {
    owned.push(3)
    expect(inspect(owned)).toBe('OwnedStack { cpu: 0, size: 1 }')
    seen.push(owned)
  })
  new PerCpuList({ nodes: 2, payloadSize: 1 }).onCpu(0, (owned) => {
    owned.push(1)
    expect(inspect(owned)).toBe('OwnedList { cpu: 0, size: 1 }')
    seen.push(owned)
  })
  for (const owned of seen) {
    expect(owned.toJSON()).toEqual({ error: expect.stringMatching(/^rseq: the .* is not stopped/) as string })
  }
})

test('iterating: totals of counters, words of arrays, buckets of snapshots', () => {
  expect([...counters()]).toEqual([0, 5, 0, 0])

  const words = new PerCpuArray(2)
  words.add(1, 3)
  const [first = [], second = []] = [...words]
  expect(first.length).toBe(info().possibleCpus + 1)
  expect(first.every((word) => word === 0)).toBe(true)
  expect(second.reduce((a, b) => a + b)).toBe(3)

  const histogram = new PerCpuHistogram({ highest: 1000 })
  histogram.record(7)
  expect([...histogram.snapshot()]).toEqual([{ least: 7, most: 7, count: 1 }])
})
