/** Options objects of the public classes: unknown names and wrong types are errors, not defaults. */
import { expect, test } from 'vitest'
import {
  CounterBatch,
  type Hold,
  Mutex,
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
  Rcu,
} from '../../lib/index.js'

/** What takes options, and the options that are accepted besides. */
const TAKERS: [name: string, take: (options: never) => unknown, accepted: string, needed: object][] = [
  ['PerCpuCounter', (options) => new PerCpuCounter(options), 'type, index', {}],
  ['PerCpuCounterArray', (options) => new PerCpuCounterArray(3, options), 'type, index', {}],
  ['PerCpuCounterTree', (options) => new PerCpuCounterTree(options), 'step, index', {}],
  ['Rcu', (options) => new Rcu(options), 'threads', {}],
  ['PerCpuHistogram', (options) => new PerCpuHistogram(options), 'lowest, highest, digits', {}],
  ['PerCpuStack', (options) => new PerCpuStack(3, options), 'index', {}],
  ['PerCpuRing', (options) => new PerCpuRing(256, options), 'policy, index, tooLong', {}],
  ['PerCpuArray', (options) => new PerCpuArray(3, options), 'element, index', {}],
  ['PerCpuRing.records', (options) => new PerCpuRing(256).records(options), 'signal', {}],
  [
    'PerCpuList',
    (options) => new PerCpuList(options),
    'nodes, payloadSize, checked, index',
    { nodes: 1, payloadSize: 1 },
  ],
  [
    'PerCpuPool',
    (options) => new PerCpuPool(options),
    'blocks, blockSize, checked, cache, index',
    { blocks: 1, blockSize: 1 },
  ],
  ['PerCpuHeap', (options) => new PerCpuHeap(options), 'bytes, checked', { bytes: 4096 }],
]

test.each(TAKERS)('%s: an unknown option is an error, with the nearest name', (_, take, accepted, needed) => {
  const refused = (name: string): (() => unknown) => {
    return () => take({ ...needed, [name]: undefined } as never)
  }
  expect(() => take(needed as never)).not.toThrow()
  for (const name of accepted.split(', ')) {
    const misspelt = name.slice(0, 2) + name.slice(3)
    expect(refused(misspelt)).toThrow(TypeError)
    expect(refused(misspelt)).toThrow(
      `options: expected an object with any of ${accepted}, got '${misspelt}'; did you mean '${name}'?`,
    )
  }
  expect(refused('somethingQuiteDifferent')).toThrow(/got 'somethingQuiteDifferent'$/)
})

test.each(TAKERS)('%s: options that are no object', (name, take, accepted) => {
  const wrong = [
    null,
    1,
    NaN,
    'index',
    true,
    1n,
    Symbol('s'),
    [],
    ['index'],
    () => 1,
    new Uint8Array(1),
    new ArrayBuffer(8),
  ]
  for (const options of wrong) {
    // The bytes of a heap: heap.test.ts tests them.
    if (name === 'PerCpuHeap' && typeof options === 'number') continue
    const call = (): unknown => take(options as never)
    expect(call).toThrow(TypeError)
    expect(call).toThrow(`options: expected an object with any of ${accepted}, got `)
  }
})

test.each([
  ['Mutex', Mutex],
  ['PerCpuLock', PerCpuLock],
])('new %s() takes no argument', (name, Class) => {
  for (const given of [null, 5, 'x', {}, { timeout: 5 }, []]) {
    const call = (): unknown => new Class(given as unknown as undefined)
    expect(call).toThrow(TypeError)
    expect(call).toThrow(`options: expected none, as new ${name}() has no options, got `)
  }
})

/** What a program may write to `Object.prototype` by mistake. */
const POLLUTION = {
  type: 'f64',
  index: 'concurrency',
  policy: 'overwrite',
  tooLong: 'drop',
  element: 'i32',
  checked: true,
  cache: 1,
  digits: 1,
  arena: { units: 3, unitSize: 64, isChecked: true },
  summed: 7,
  second: {},
  signal: AbortSignal.abort(),
  timeout: 0,
}

test('what is in Object.prototype is no option', async () => {
  const ring = new PerCpuRing(256)
  const mutex = new Mutex()
  const made = (): object[] =>
    [
      ...TAKERS.filter(([name]) => name !== 'PerCpuRing.records').map(([, take, , needed]) =>
        take(needed as never),
      ),
      new Mutex(),
      new PerCpuLock(),
      new CounterBatch(new PerCpuCounterArray(3)),
    ] as object[]
  const clean = made().map(String)
  const records: Promise<unknown>[] = []
  const polluted: string[] = []
  mutex.lock()
  for (const [name, value] of Object.entries(POLLUTION))
    Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true })
  try {
    polluted.push(...made().map(String))
    records.push(ring.records().next(), mutex.lockAsync(), mutex.lockAsync({}))
  } finally {
    for (const name of Object.keys(POLLUTION)) Reflect.deleteProperty(Object.prototype, name)
  }
  expect(polluted).toEqual(clean)
  mutex.unlock()
  ring.write(new Uint8Array([7]))
  expect(await records[0]).toMatchObject({ done: false, value: { bytes: new Uint8Array([7]) } })
  ;((await records[1]) as Hold)[Symbol.dispose]()
  ;((await records[2]) as Hold)[Symbol.dispose]()
})
