/** Arguments of constructors and of from(): buffers of other classes, and objects of other realms and copies. */
import { createContext, runInContext } from 'node:vm'
import { expect, test } from 'vitest'
import {
  CounterBatch,
  Mutex,
  PerCpuArray,
  PerCpuCounter,
  PerCpuCounterArray,
  PerCpuHistogram,
  PerCpuList,
  PerCpuLock,
  PerCpuHeap,
  PerCpuPool,
  PerCpuRing,
  PerCpuStack,
  cpuOpv,
} from '../../lib/index.js'
import { defineMetrics } from '../../lib/metrics/index.js'
import { copyPackage } from '../support/copy.js'

interface Shared {
  readonly buffer: SharedArrayBuffer
}

/** Each class that opens buffers, how to make an object, and how many arguments its constructor takes. */
const CLASSES = [
  { Class: PerCpuCounter, make: () => new PerCpuCounter() },
  { Class: PerCpuCounterArray, make: () => new PerCpuCounterArray(3) },
  { Class: PerCpuHistogram, make: () => new PerCpuHistogram({ highest: 1000 }) },
  { Class: PerCpuStack, make: () => new PerCpuStack(4) },
  { Class: PerCpuList, make: () => new PerCpuList({ nodes: 3, payloadSize: 8 }) },
  { Class: PerCpuPool, make: () => new PerCpuPool({ blocks: 3, blockSize: 8 }) },
  { Class: PerCpuHeap, make: () => new PerCpuHeap(4096) },
  { Class: PerCpuRing, make: () => new PerCpuRing(256) },
  { Class: PerCpuArray, make: () => new PerCpuArray(2) },
  { Class: Mutex, make: () => new Mutex() },
  { Class: PerCpuLock, make: () => new PerCpuLock() },
].map(({ Class, make }) => ({
  name: Class.name,
  takes: /Array|Stack|Ring/.test(Class.name) ? 2 : 1,
  Class: Class as unknown as new (...given: unknown[]) => Shared,
  from: (buffer: unknown): unknown => Class.from(buffer as SharedArrayBuffer),
  make: make,
}))

test.each(CLASSES)('new $name(buffer) is refused, and names $name.from', ({ name, takes, Class, make }) => {
  const shared = make()
  const expected = new RegExp(`^buffer: expected ${name}\\.from\\(buffer\\).*, got new ${name}\\(\\)`)
  for (const given of [[shared.buffer], [4, shared.buffer], [shared], [4, shared]]) {
    if (given.length > takes) continue
    expect(() => new Class(...given)).toThrow(TypeError)
    expect(() => new Class(...given)).toThrow(expected)
  }
})

test.each(CLASSES)('buffers that $name cannot open: from() says what they hold', ({ name, from }) => {
  for (const other of CLASSES) {
    if (other.name === name) continue
    const { buffer } = other.make()
    // One counter and an array of counters are one kind; PerCpuCounter says itself what else is wrong.
    if (/^PerCpuCounter(Array)?$/.test(name) && /^PerCpuCounter(Array)?$/.test(other.name)) continue
    expect(() => from(buffer), other.name).toThrow(RangeError)
    expect(() => from(buffer), other.name).toThrow(
      new RegExp(`^buffer: expected .*holds a ${other.name}; ${other.name}\\.from\\(buffer\\) opens it$`),
    )
  }
  const metrics = defineMetrics({ counters: { a: { help: 'A' } } }).create()
  expect(() => from(metrics.buffer)).toThrow(/^buffer: .*holds metrics of rseq\/metrics/)
})

test.each(CLASSES)('objects given to from() of $name: their buffer is wanted', ({ from, make }) => {
  expect(() => from(make())).toThrow(TypeError)
  expect(() => from(make())).toThrow(/^buffer: expected .*: to open it again, give its property 'buffer'$/)
})

const realm = createContext({})
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
const foreign = <Value>(code: string): Value => runInContext(code, realm) as Value

test('typed arrays of another realm are accepted', () => {
  const counters = new PerCpuCounterArray(3)
  counters.addMany(foreign('new Uint32Array([0, 2])'), foreign('new Float64Array([5, 7])'))
  expect([...counters.snapshot(foreign<Float64Array>('new Float64Array(3)'))]).toEqual([5, 0, 7])
  expect([...counters.snapshot(foreign<BigInt64Array>('new BigInt64Array(3)'))]).toEqual([5n, 0n, 7n])

  const stack = new PerCpuStack(4)
  expect(stack.pushMany(foreign('new Float64Array([1, 2])'))).toBe(2)
  expect(stack.popMany(foreign('new Float64Array(4)'))).toBe(2)

  const histogram = new PerCpuHistogram({ highest: 1000 })
  histogram.recordMany(foreign('new Float64Array([1, 2, 3])'))
  expect(histogram.snapshot().sum).toBe(6)

  const ring = new PerCpuRing(256)
  expect(ring.write(foreign('new Uint8Array([1, 2, 3])'))).toBe(true)
  const read: number[][] = []
  ring.drain(({ bytes }) => read.push([...bytes]))
  expect(read).toEqual([[1, 2, 3]])
})

test('options and vectors of another realm are accepted', () => {
  expect(new PerCpuCounter(foreign("({ type: 'f64' })")).type).toBe('f64')
  expect(cpuOpv(new PerCpuArray(1), 0, foreign("[{ op: 'store', index: 0, value: 3 }]"))).toBe(-1)
})

test('objects that only look like typed arrays are refused', () => {
  const fake = <Value extends object>(prototype: Value): Value => Object.create(prototype) as Value
  const counters = new PerCpuCounterArray(3)
  const [indices, deltas] = [fake(Uint32Array.prototype), fake(Float64Array.prototype)]
  expect(() => {
    counters.addMany(indices, new Float64Array(1))
  }).toThrow(/^indices: expected a Uint32Array, got /)
  expect(() => {
    counters.addMany(new Uint32Array(1), deltas)
  }).toThrow(/^deltas: expected a Float64Array, got /)
  expect(() => counters.snapshot(deltas)).toThrow(/^into: expected a Float64Array/)
  expect(() => new PerCpuStack(1).pushMany(deltas)).toThrow(/^values: expected a Float64Array/)
})

test('objects of another copy of the package are opened by their buffer', async () => {
  const { url } = await copyPackage({ binary: true })
  const other = (await import(url)) as typeof import('../../lib/index.js')
  expect(other.PerCpuCounterArray).not.toBe(PerCpuCounterArray)

  const counters = new other.PerCpuCounterArray(3)
  const batch = new CounterBatch(counters)
  batch.add(1, 5)
  batch.add(2, 2 ** 40)
  batch.commit()
  expect([...counters.snapshot()]).toEqual([0, 5, 2 ** 40])
  expect(() => new CounterBatch(new other.PerCpuStack(1) as unknown as PerCpuCounterArray)).toThrow(
    /^buffer: .*holds a PerCpuStack;/,
  )

  const words = new other.PerCpuArray(1)
  expect(cpuOpv(words, 0, [{ op: 'store', index: 0, value: 3 }])).toBe(-1)
  expect(words.get(0, 0)).toBe(3)
})

test.each<[string, () => unknown, RegExp]>([
  ['blocks', () => new PerCpuPool({ blocks: 2 ** 28, blockSize: 2 ** 30 }), /^blockSize: .*got 1073741824$/],
  ['nodes', () => new PerCpuList({ nodes: 2 ** 28, payloadSize: 2 ** 27 }), /^nodes: .*got 268435456$/],
])('a size for which there is no memory: %s', (_, make, expected) => {
  expect(make).toThrow(RangeError)
  expect(make).toThrow(expected)
  expect(make).toThrow(
    /expected a size that fits into memory \(this one takes \d+ bytes, \d+ are available\)/,
  )
})
