/** Lists in one thread: what their methods promise, and what is refused. */
import { expect, test } from 'vitest'
import { PerCpuList, PerCpuPool, RegionCorruptError, info } from '../../lib/index.js'

const cpus = info().possibleCpus
const newList = (): PerCpuList => new PerCpuList({ nodes: 10, payloadSize: 20 })
const upTo = (end: number): number[] => Array.from({ length: end }, (_, i) => i)

test.each(['cpu', 'concurrency'] as const)('pops what was pushed, index %s', (index) => {
  const list = new PerCpuList({ nodes: 10, payloadSize: 20, index })
  expect([list.nodes, list.payloadSize, list.size, list.pop()]).toEqual([10, 20, 0, -1])
  for (const node of upTo(10)) list.push(node)
  expect(list.size).toBe(10)
  expect([...list.perCpu(), list.overflow].reduce((sum, size) => sum + size)).toBe(10)
  // The thread may be moved in between: then the rest is on another CPU's list.
  const popped = upTo(10).map(() => list.pop())
  const nodes = [...popped.filter((node) => node !== -1), ...list.drain()]
  expect(nodes.toSorted((a, b) => a - b)).toEqual(upTo(10))
  expect([list.size, list.pop()]).toEqual([0, -1])
})

test('a payload holds what is written, wherever the lists are opened', () => {
  const list = newList()
  const again = PerCpuList.from(list.buffer)
  list.payload(9).fill(7)
  expect([...again.payload(9)]).toEqual(upTo(20).fill(7))
  expect([...again.payload(8)]).toEqual(upTo(20).fill(0))
  expect(list.payload(9)).toBe(list.payload(9))
  list.pushTo(0, 9)
  expect(again.popFrom(0)).toBe(9)
})

test('the list of a named CPU', () => {
  const list = newList()
  const last = cpus - 1
  for (const node of [3, 4, 5]) list.pushTo(last, node)
  expect(list.perCpu()[last]).toBe(3)
  const seen = list.onCpu(last, (owned) => {
    owned.push(6)
    return [owned.cpu, owned.size, owned.pop(), owned.pop()]
  })
  expect(seen).toEqual([last, 4, 6, 5])
  expect(list.drain(last)).toEqual([4, 3])
  expect([list.popFrom(last), list.onCpu(last, (owned) => owned.pop())]).toEqual([-1, -1])
})

test('an owner owns until its function returns', () => {
  const list = newList()
  const kept = list.onCpu(0, (owned) => {
    expect(() => {
      list.onCpu(0, () => undefined)
    }).toThrow(/this thread has stopped the list of CPU 0 itself/)
    return owned
  })
  expect(() => kept.pop()).toThrow(/the list of CPU 0 is not stopped by this call any more/)
  expect(() => list.onCpu(0, 1 as never)).toThrow(/^use: expected a function, got 1/)
})

test('a node that is pushed twice makes a circle, which is seen', () => {
  const list = newList()
  for (const node of [1, 2, 1]) list.pushTo(0, node)
  expect(() => list.size).toThrow(RegionCorruptError)
  expect(() => list.drain()).toThrow(RegionCorruptError)
})

test('what is no node is refused', () => {
  const list = newList()
  const uses = [
    (node: number) => {
      list.push(node)
    },
    (node: number) => {
      list.pushTo(0, node)
    },
    (node: number) => list.payload(node),
    (node: number) => {
      list.onCpu(0, (owned) => {
        owned.push(node)
      })
    },
  ]
  for (const use of uses) {
    for (const node of [10, -1, 1.5, NaN, Infinity, 2 ** 32]) {
      expect(() => {
        use(node)
      }).toThrow(RangeError)
      expect(() => {
        use(node)
      }).toThrow(`node: expected an integer from 0 to 9, got ${node}`)
    }
    for (const node of [undefined, null, '1', true, 1n, Symbol('s'), [1]] as unknown[]) {
      expect(() => {
        use(node as number)
      }).toThrow(TypeError)
    }
  }
  expect(list.size).toBe(0)
})

test.each([
  [undefined, TypeError, /^options: expected an object such as/],
  [{ nodes: 10 }, TypeError, /^payloadSize: expected an integer from 1 to 1073741824, got undefined/],
  [{ nodes: 0, payloadSize: 1 }, RangeError, /^nodes: expected an integer from 1 to 268435456, got 0/],
  [{ nodes: 1, payloadSize: 0 }, RangeError, /^payloadSize: /],
  [{ nodes: 1, payloadSize: 1, index: 'node' }, RangeError, /^index: /],
])('new PerCpuList(%o) is refused', (options, error, message) => {
  expect(() => new PerCpuList(options as never)).toThrow(error)
  expect(() => new PerCpuList(options as never)).toThrow(message)
})

test('what are no lists are not opened', () => {
  const pool = new PerCpuPool({ blocks: 10, blockSize: 8 })
  expect(() => PerCpuList.from(pool.buffer)).toThrow(/^buffer: .*holds another kind/)
  expect(() => PerCpuPool.from(newList().buffer)).toThrow(/^buffer: .*holds another kind/)
  expect(() => PerCpuList.from({} as never)).toThrow(TypeError)
  for (const cpu of [-1, cpus]) expect(() => newList().popFrom(cpu)).toThrow(/^cpu: expected an integer/)
})
