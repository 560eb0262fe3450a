/** [Symbol.dispose](): what an object had open is closed at once, and later uses are errors. */
import { describe, expect, test } from 'vitest'
import {
  CounterBatch,
  Mutex,
  PerCpuCounter,
  PerCpuCounterArray,
  PerCpuHistogram,
  PerCpuList,
  PerCpuHeap,
  PerCpuPool,
} from '../../lib/index.js'
import { openHandles } from '../support/machine.js'
import { disposableMembers } from '../support/public-calls.mjs'

/** What only tells of the object's shape, or of memory that outlives it. */
const STAYS =
  /\.(capacity|type|index|policy|longest|tooLong|element|cache|range|lastCpu|step|inaccuracy|threads|handler|toJSON|toString|registerIn\w+|\[.*\])$|^CounterBatch\.size$/

describe('after [Symbol.dispose]()', () => {
  test.each(disposableMembers().filter(({ name }) => !STAYS.test(name)))(
    '$name is refused',
    async ({ make, call }) => {
      const object = make()
      await call(object)
      object[Symbol.dispose]()
      object[Symbol.dispose]()
      await expect(async () => {
        await call(object)
      }).rejects.toThrow(/after its \[Symbol\.dispose\]\(\)/)
    },
  )
})

test('every handle is given back at once', () => {
  const members = disposableMembers()
  const makers = new Set(members.map(({ make }) => make))
  // What all objects of a kind share is open from now on.
  for (const make of makers) make()[Symbol.dispose]()
  for (const make of makers) {
    const before = openHandles()
    const object = make()
    object[Symbol.dispose]()
    // A batch that is made for this has counters of its own, which are only dropped.
    expect(openHandles() - before).toBeLessThanOrEqual(object instanceof CounterBatch ? 1 : 0)
  }
})

test('a batch commits, and goes on without the object that its counters came from', () => {
  const counters = new PerCpuCounterArray(100)
  const reader = PerCpuCounterArray.from(counters.buffer)
  const batch = new CounterBatch(counters)
  counters[Symbol.dispose]()
  batch.increment(3)
  batch.increment(99)
  batch[Symbol.dispose]()
  expect([reader.get(3), reader.get(99)]).toEqual([1, 1])
  for (const i of [3, 50, 99]) {
    expect(() => {
      batch.increment(i)
    }).toThrow(/after its \[Symbol\.dispose\]/)
  }
  expect([reader.get(3), reader.get(99)]).toEqual([1, 1])
})

test('other objects on the buffer go on', () => {
  const counter = new PerCpuCounter()
  const other = PerCpuCounter.from(counter.buffer)
  counter.add(2)
  counter[Symbol.dispose]()
  other.add(3)
  expect(other.value).toBe(5)
  expect(PerCpuCounter.from(counter.buffer).value).toBe(5)
  const histogram = new PerCpuHistogram({ highest: 100 })
  histogram.recordMany(Float64Array.of(1, 2))
  const { buffer } = histogram
  histogram[Symbol.dispose]()
  expect(PerCpuHistogram.from(buffer).snapshot().count).toBe(2)
})

test('a lock that is held stays taken: its thread lives', () => {
  const mutex = new Mutex()
  mutex.lock()
  mutex[Symbol.dispose]()
  expect(Mutex.from(mutex.buffer).tryLock()).toBe(false)
  const free = new Mutex()
  free.lock()
  free.unlock()
  free[Symbol.dispose]()
  expect(Mutex.from(free.buffer).tryLock()).toBe(true)
})

test('a block and a node have no bytes after it, also if they were seen before', () => {
  const disposed = 'one after its [Symbol.dispose]()'
  for (const checked of [false, true]) {
    const pool = new PerCpuPool({ blocks: 2, blockSize: 8, checked })
    const list = new PerCpuList({ nodes: 2, payloadSize: 8, checked })
    const block = pool.alloc()
    pool.view(block)
    list.payload(0)
    pool[Symbol.dispose]()
    list[Symbol.dispose]()
    const heap = new PerCpuHeap({ bytes: 4096, checked })
    const bytes = heap.alloc(100)
    heap.view(bytes)
    heap[Symbol.dispose]()
    expect(() => heap.view(bytes)).toThrow(disposed)
    expect(() => heap.sizeOf(bytes)).toThrow(disposed)
    expect(() => pool.view(block)).toThrow(disposed)
    expect(() => list.payload(0)).toThrow(disposed)
    expect(() => list.payload(1)).toThrow(disposed)
  }
})
