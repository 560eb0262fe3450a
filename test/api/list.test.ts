/** Lists in one thread: the results of their methods, and the arguments that they refuse. */
import { expect, test } from 'vitest'
import { PerCpuList, PerCpuPool, RegionCorruptError, info } from '../../lib/index.js'

const cpus = info().possibleCpus
const newList = (): PerCpuList => new PerCpuList({ nodes: 10, payloadSize: 20 })
const newChecked = (index: 'cpu' | 'concurrency' = 'cpu'): PerCpuList =>
  new PerCpuList({ nodes: 10, payloadSize: 20, checked: true, index })
const upTo = (end: number): number[] => Array.from({ length: end }, (_, i) => i)

test.each([
  ['cpu', false],
  ['cpu', true],
  ['concurrency', false],
  ['concurrency', true],
] as const)('pops what was pushed, index %s, checked: %s', (index, checked) => {
  const list = new PerCpuList({ nodes: 10, payloadSize: 20, checked, index })
  expect(list.checked).toBe(checked)
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

test('a payload keeps its bytes for all objects that open the lists', () => {
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

test('values that are no nodes are refused', () => {
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
  [undefined, TypeError, /^options: expected an object with any of nodes, payloadSize, checked, index/],
  [{ nodes: 10 }, TypeError, /^payloadSize: expected an integer from 1 to 1073741824, got undefined/],
  [{ nodes: 0, payloadSize: 1 }, RangeError, /^nodes: expected an integer from 1 to 268435456, got 0/],
  [{ nodes: 1, payloadSize: 0 }, RangeError, /^payloadSize: /],
  [{ nodes: 1, payloadSize: 1, index: 'node' }, RangeError, /^index: /],
  [{ nodes: 1, payloadSize: 1, checked: 1 }, TypeError, /^checked: expected true or false, got 1/],
])('new PerCpuList(%o) is refused', (options, error, message) => {
  expect(() => new PerCpuList(options as never)).toThrow(error)
  expect(() => new PerCpuList(options as never)).toThrow(message)
})

test('what are no lists are not opened', () => {
  const pool = new PerCpuPool({ blocks: 10, blockSize: 8 })
  expect(() => PerCpuList.from(pool.buffer)).toThrow(/^buffer: .*holds a PerCpuPool;/)
  expect(() => PerCpuPool.from(newList().buffer)).toThrow(/^buffer: .*holds a PerCpuList;/)
  expect(() => PerCpuList.from({} as never)).toThrow(TypeError)
  for (const cpu of [-1, cpus]) expect(() => newList().popFrom(cpu)).toThrow(/^cpu: expected an integer/)
})

test('the error of a list that leads in a circle names the likely mistake', () => {
  const list = newList()
  list.pushTo(0, 3)
  list.pushTo(0, 3)
  expect(() => list.drain(0)).toThrow(RegionCorruptError)
  expect(() => list.drain(0)).toThrow(
    /a node was pushed while it was on a list already, or something has written over its memory$/,
  )
})

/** All ways to push a node. */
const PUSHES: [string, (list: PerCpuList, node: number) => void][] = [
  [
    'push',
    (list, node) => {
      list.push(node)
    },
  ],
  [
    'pushTo',
    (list, node) => {
      list.pushTo(cpus - 1, node)
    },
  ],
  [
    'push of an owner',
    (list, node) => {
      list.onCpu(0, (owned) => {
        owned.push(node)
      })
    },
  ],
]
/** All ways to take the only node, wherever it is. */
const POPS: [string, (list: PerCpuList) => number | undefined][] = [
  ['pop', (list) => [list.pop(), ...list.drain()].find((node) => node !== -1)],
  [
    'popFrom',
    (list) =>
      upTo(cpus)
        .map((cpu) => list.popFrom(cpu))
        .find((node) => node !== -1) ?? list.pop(),
  ],
  [
    'pop of an owner',
    (list) =>
      upTo(cpus)
        .map((cpu) => list.onCpu(cpu, (owned) => owned.pop()))
        .find((node) => node !== -1) ?? list.pop(),
  ],
  ['drain', (list) => list.drain()[0]],
]

test.each(PUSHES)('a checked list refuses a node that is on a list, and names it: %s', (_, push) => {
  for (const [, first] of PUSHES) {
    const list = newChecked()
    const elsewhere = PerCpuList.from(list.buffer)
    expect(elsewhere.checked).toBe(true)
    first(list, 6)
    first(list, 7)
    for (const where of [list, elsewhere]) {
      for (const node of [6, 7]) {
        expect(() => {
          push(where, node)
        }).toThrow(
          new RangeError(`node: expected one that is on no list, got ${node}, which was pushed already`),
        )
      }
    }
    push(elsewhere, 8)
    expect(list.drain().toSorted((a, b) => a - b)).toEqual([6, 7, 8])
    expect(list.size).toBe(0)
  }
})

test.each(POPS)('what was taken off a checked list may be pushed again: %s', (_, pop) => {
  const list = newChecked('concurrency')
  for (const [, push] of PUSHES) {
    push(list, 0)
    expect(pop(list)).toBe(0)
    expect(list.size).toBe(0)
  }
})

test('a push that an owner has been refused leaves its list as it was', () => {
  const list = newChecked()
  list.pushTo(0, 1)
  const seen = list.onCpu(0, (owned) => {
    owned.push(2)
    expect(() => {
      owned.push(1)
    }).toThrow(RangeError)
    expect(() => {
      list.push(2)
    }).toThrow(/got 2, which was pushed already/)
    return [owned.size, owned.pop(), owned.pop(), owned.pop()]
  })
  expect(seen).toEqual([2, 2, 1, -1])
  expect([list.size, list.pop()]).toEqual([0, -1])
})

test('the payloads of checked lists are where the lists say, and share no bytes', () => {
  for (const nodes of [1, 8, 9, 100]) {
    const list = new PerCpuList({ nodes, payloadSize: 64, checked: true })
    for (const node of upTo(nodes)) list.payload(node).fill(node + 1)
    for (const node of upTo(nodes)) list.pushTo(0, node)
    expect(list.drain()).toEqual(upTo(nodes).reverse())
    for (const node of upTo(nodes)) expect(list.payload(node)).toEqual(new Uint8Array(64).fill(node + 1))
    const end = list.payload(nodes - 1)
    expect(end.byteOffset + end.byteLength).toBeLessThanOrEqual(list.buffer.byteLength)
  }
})

/** The states of a checked list's nodes: one is the first of a pair. */
function statesOf(list: PerCpuList): Int32Array {
  const words = Math.ceil((16 * list.nodes) / 128) * 128
  return new Int32Array(list.buffer, list.payload(0).byteOffset - words + 8 * list.nodes, 2 * list.nodes)
}

// What a thread leaves that ended between the two steps of a push, or of a pop: a state that says that its node is on a
// list. And what nobody leaves.
test.each([1, 2, -1, 0x40000000])('a state of %i is not believed of a node that is on no list', (state) => {
  for (const [, push] of PUSHES) {
    const list = newChecked()
    list.pushTo(0, 2)
    statesOf(list)[2 * 5] = state
    push(list, 5)
    expect(() => {
      push(list, 5)
    }).toThrow(/got 5, which was pushed already/)
    expect(list.drain().toSorted((a, b) => a - b)).toEqual([2, 5])
    expect([...statesOf(list)]).toEqual(upTo(20).fill(0))
  }
})

test.each([0, 2, -1])(
  'a pop says once of a node that its state became %i while it was on a list',
  (state) => {
    for (const popOne of [(list: PerCpuList) => list.popFrom(0), (list: PerCpuList) => list.drain(0)[0]]) {
      const list = newChecked()
      for (const node of [4, 5]) list.pushTo(0, node)
      statesOf(list)[2 * 5] = state
      expect(() => popOne(list)).toThrow(RegionCorruptError)
      expect(() => popOne(list)).not.toThrow()
      expect(list.drain()).toEqual([])
      for (const node of [4, 5]) list.pushTo(0, node)
      expect(list.drain()).toEqual([5, 4])
    }
  },
)

test('pop, too, says so once', () => {
  const list = newChecked()
  for (const node of [4, 5]) list.push(node)
  statesOf(list)[2 * 4] = statesOf(list)[2 * 5] = 0
  const popAny = (): number => {
    const node = list.pop()
    // The thread may have been moved away from the CPU of the push.
    return node === -1 ? (list.drain()[0] ?? -1) : node
  }
  for (let k = 0; k < 2; k++)
    expect(popAny).toThrow(/^rseq: the checked list.* holds values that no operation writes/)
  expect(list.pop()).toBe(-1)
})

test('a search for a node that leads in a circle, or to no node, ends', () => {
  for (const link of [6n, 11n, -1n]) {
    const list = newChecked()
    list.pushTo(0, 5)
    const links = new BigInt64Array(list.buffer, statesOf(list).byteOffset - 80, 10)
    links[5] = link
    statesOf(list)[2 * 3] = 1
    expect(() => {
      list.push(3)
    }).toThrow(RegionCorruptError)
    expect(() => {
      list.push(4)
    }).not.toThrow()
  }
})
