/**
 * Every public method, with awkward values in the place of each argument: it succeeds, or throws an error in the library's
 * words, which begins with the argument's name or with "rseq:", and never one in the words of V8.
 */
import { expect, test } from 'vitest'
import {
  CounterBatch,
  HistogramSnapshot,
  Mutex,
  type OwnedArray,
  type OwnedList,
  type OwnedStack,
  PerCpuArray,
  PerCpuCounter,
  PerCpuCounterArray,
  PerCpuCounterTree,
  Rcu,
  PerCpuHistogram,
  PerCpuList,
  PerCpuLock,
  PerCpuHeap,
  PerCpuPool,
  PerCpuRing,
  PerCpuStack,
  concurrencyId,
  cpuId,
  cpuOpv,
  info,
  membarrier,
  numaNode,
  toDate,
  verify,
} from '../../lib/index.js'
import { type TraceOptions, defineEvents } from '../../lib/trace/index.js'

const hostile = {
  valueOf() {
    throw new SyntaxError('valueOf was called')
  },
  toString() {
    throw new SyntaxError('toString was called')
  },
  get [Symbol.toStringTag](): string {
    throw new SyntaxError('toStringTag was called')
  },
}

const VALUES: unknown[] = [
  ...[
    1n,
    2n ** 70n,
    Symbol('s'),
    null,
    undefined,
    true,
    '',
    '1',
    'constructor',
    NaN,
    -0,
    -1,
    0.5,
    2 ** 31,
    2 ** 53,
  ],
  ...[Infinity, {}, [], [1], Object.create(null) as unknown, hostile, () => 1, new Date(NaN)],
  ...[
    new Map(),
    new Error('x'),
    Promise.resolve(1),
    Object(1) as unknown,
    Object(1n) as unknown,
    /x/,
    new Proxy([], {}),
  ],
  ...[
    new Uint8Array(3),
    new Float64Array(0),
    new BigInt64Array(2),
    new ArrayBuffer(8),
    new SharedArrayBuffer(8),
  ],
  ...[
    new DataView(new ArrayBuffer(8)),
    new PerCpuCounter(),
    new AbortController(),
    { buffer: 1 },
    { length: 2 },
  ],
]

/** The library's words: the argument, perhaps with its position or path, or who speaks. */
const PATTERN = /^(rseq|[a-z]\w*(\[\d+\])?(\.\w+)*): \S/i
/** V8's and Node's own words. */
const FOREIGN =
  /Cannot (convert|read|mix|destructure|set|perform|create)|is not (a function|iterable|a constructor|an object)|Invalid (array|typed)|incompatible receiver|undefined or null|Method .* called|was called|valid/

interface Awkward {
  readonly value: unknown
  readonly position: number
}

/** Checks what a call has thrown, if it has; and waits for it, if that takes. */
async function check(name: string, call: () => unknown, { value, position }: Awkward): Promise<void> {
  let thrown: unknown
  try {
    const result = call()
    if (result instanceof Promise) await result
    return
  } catch (error) {
    thrown = error
  }
  const what = `${name}, argument ${position}, ${typeof value}: ${String(thrown)}`
  expect(thrown, what).toBeInstanceOf(Error)
  const { message, name: kind } = thrown as Error
  expect(message, what).toMatch(PATTERN)
  expect(message.replace(/, got [^]*/, ''), what).not.toMatch(FOREIGN)
  // Other errors are of the state of an object, not of a value.
  if (!/^(rseq|mutex|lock):/.test(message))
    expect(['TypeError', 'RangeError', 'TimeoutError'], what).toContain(kind)
}

type Call = (...given: never[]) => unknown

/** Calls with each awkward value in each place; the other places have good ones. */
async function fuzz(name: string, good: readonly unknown[], makeCall: () => Call): Promise<void> {
  for (let position = 0; position < Math.max(1, good.length); position++) {
    for (const value of VALUES) {
      const given = good.map((usual, k) => (k === position ? value : usual))
      if (good.length === 0) given.push(value)
      await check(name, () => makeCall()(...(given as never[])), { value, position })
    }
  }
}

function ownedOf<Owned>(onCpu: (use: (owned: Owned) => void) => void): Owned[] {
  const all: Owned[] = []
  onCpu((owned) => all.push(owned))
  return all
}

/** A trace with an event of each type of field. */
const EVENTS = defineEvents('awkward', {
  numbers: { fields: { u8: 'u8', i16: 'i16', u32: 'u32', i64: 'i64', f32: 'f32', f64: 'f64', bool: 'bool' } },
  others: { fields: { s: 'string', y: 'bytes', e: { enum: ['a'] }, list: 'u16[]' } },
  span: { kind: 'span', fields: { list: 'i64[]' }, end: { y: 'bytes' } },
})

const deltas = new Float64Array(3)
const batched = new PerCpuCounterArray(3)
const ENDED = {
  array: ownedOf<OwnedArray>((use) => {
    new PerCpuArray(2).onCpu('overflow', use)
  }),
}

/**
 * Each class: objects of it, and good arguments of each of its methods. A method that takes arguments and is missing here
 * fails the test.
 */
const CLASSES: [name: string, make: () => object, methods: Record<string, readonly unknown[]>][] = [
  [
    'PerCpuCounter',
    () => new PerCpuCounter(),
    { add: [1], increment: [], decrement: [], perCpu: [], reset: [] },
  ],
  [
    'PerCpuCounterArray',
    () => new PerCpuCounterArray(3),
    {
      ...{
        add: [1, 1],
        increment: [1],
        decrement: [1],
        get: [1],
        getBigint: [1],
        perCpu: [1],
        overflow: [1],
      },
      ...{ reset: [1], addMany: [new Uint32Array(3), deltas, 2], snapshot: [new Float64Array(3)] },
    },
  ],
  [
    'PerCpuCounterTree',
    () => new PerCpuCounterTree(),
    { add: [1], increment: [], decrement: [], atLeast: [1], perCpu: [] },
  ],
  [
    'Rcu, a lock that an unlock() ends',
    () => new Rcu(),
    { read: [() => 1], defer: [() => 1], synchronizeAsync: [] },
  ],
  ['CounterBatch', () => new CounterBatch(batched), { add: [1, 1], increment: [1], commit: [], clear: [] }],
  [
    'PerCpuHistogram',
    () => new PerCpuHistogram({ highest: 1000 }),
    { record: [5], recordMany: [deltas, 2], merge: [new PerCpuHistogram().snapshot()], snapshot: [] },
  ],
  [
    'HistogramSnapshot',
    () => new PerCpuHistogram({ highest: 1000 }).snapshot(),
    { encode: [], percentile: [50], buckets: [] },
  ],
  [
    'PerCpuStack',
    () => new PerCpuStack(4),
    {
      ...{ push: [1], pushMany: [deltas, 2], popMany: [new Float64Array(3), 2] },
      ...{ pushTo: [0, 1], popFrom: [0], drain: [0], onCpu: [0, () => 1] },
    },
  ],
  [
    'PerCpuList',
    () => new PerCpuList({ nodes: 3, payloadSize: 8 }),
    {
      ...{ push: [1], pop: [], payload: [1], perCpu: [], pushTo: [0, 1], popFrom: [0], drain: [0] },
      ...{ onCpu: [0, () => 1], holder: [1], adopt: [1, 0] },
    },
  ],
  [
    'PerCpuPool',
    () => new PerCpuPool({ blocks: 3, blockSize: 8, checked: true }),
    { alloc: [], free: [1], view: [1], perCpu: [], flush: [0], holder: [1], adopt: [1, 0] },
  ],
  ['PerCpuHeap', () => new PerCpuHeap(4096), { alloc: [100], free: [1], view: [1], sizeOf: [1] }],
  [
    'PerCpuRing',
    () => new PerCpuRing(4096),
    {
      ...{ write: [new Uint8Array(3)], drain: [() => undefined, 5], droppedPerCpu: [], snapshot: [] },
      ...{ records: [{}] },
    },
  ],
  [
    'PerCpuArray',
    () => new PerCpuArray(3),
    {
      ...{ add: [1, 1], exchange: [1, 1], store: [1, 1], load: [1], compareExchange: [1, 0, 1], get: [0, 1] },
      ...{ getBigint: [0, 1], perCpu: [1], overflow: [1], onCpu: ['overflow', () => 1] },
    },
  ],
  [
    'TraceCore',
    () => EVENTS.open({ bytesPerCpu: 8192, policy: 'discard' }),
    { enable: ['*', {}], disable: ['*'], isOn: ['numbers'], drain: [() => undefined, 5] },
  ],
  [
    'OwnedArray, ended',
    () => ENDED.array[0] as OwnedArray,
    { load: [1], store: [1, 1], exchange: [1, 1], add: [1, 1], compareExchange: [1, 0, 1] },
  ],
  [
    'Mutex',
    () => new Mutex(),
    {
      ...{ lock: [], tryLock: [5], unlock: [], lockAsync: [{ timeout: 5 }] },
      runExclusive: [() => 1, { timeout: 5 }],
    },
  ],
  [
    'PerCpuLock',
    () => new PerCpuLock(),
    { lockThisCpu: [], tryLockThisCpu: [], holdThisCpu: [], unlock: [0], runExclusive: [() => 1] },
  ],
]

/** Members without arguments that every object has, and members that are not public. */
const COMMON = ['constructor', 'toJSON', 'toString', 'end']

test.each(CLASSES)('%s', async (name, make, methods) => {
  const prototype = Object.getPrototypeOf(make()) as object
  const all = Object.entries(Object.getOwnPropertyDescriptors(prototype)).filter(
    ([method, { value }]) => typeof value === 'function' && !COMMON.includes(method),
  )
  const withoutArguments = all.filter(([, { value }]) => (value as Call).length === 0)
  const tried = { ...Object.fromEntries(withoutArguments.map(([method]) => [method, []])), ...methods }
  expect(Object.keys(tried).sort()).toEqual(all.map(([method]) => method).sort())
  for (const [method, good] of Object.entries(tried)) {
    // One for each value, as a lock that a call has taken would make others wait.
    const isLock = /Mutex|Lock/.test(name)
    const shared = make() as Record<string, Call>
    await fuzz(`${name}.${method}`, good, () => {
      const object = (isLock ? make() : shared) as Record<string, Call>
      return (...given) => {
        const result = object[method]?.(...given)
        if (isLock)
          return Promise.resolve(result).finally(() =>
            (object as { [Symbol.dispose]?: () => void })[Symbol.dispose]?.(),
          )
        return result
      }
    })
  }
})

test('what an owner of a CPU has', async () => {
  const tries: Promise<void>[] = []
  const calls = (owned: object, methods: Record<string, readonly unknown[]>): void => {
    for (const [method, good] of Object.entries(methods)) {
      const { length } = good
      for (let position = 0; position < length; position++) {
        for (const value of VALUES) {
          const given = good.map((usual, k) => (k === position ? value : usual)) as never[]
          const call = (owned as Record<string, Call>)[method] as Call
          tries.push(check(method, () => call.apply(owned, given), { value, position }))
        }
      }
    }
  }
  new PerCpuArray(2).onCpu('overflow', (owned) => {
    calls(owned, { load: [1], store: [1, 1], exchange: [1, 1], add: [1, 1], compareExchange: [1, 0, 1] })
  })
  if (info().backend === 'native' || info().possibleCpus > 0) {
    new PerCpuStack(4).onCpu(0, (owned: OwnedStack) => {
      calls(owned, { push: [1], pushMany: [deltas, 2], popMany: [new Float64Array(3), 2] })
    })
    new PerCpuList({ nodes: 3, payloadSize: 8 }).onCpu(0, (owned: OwnedList) => {
      calls(owned, { push: [1] })
    })
  }
  await Promise.all(tries)
})

test('events never throw', () => {
  const trace = EVENTS.open({ bytesPerCpu: 8192 }) as unknown as Record<string, Call>
  for (const event of ['numbers', 'others', 'span']) {
    for (let position = 0; position < 9; position++) {
      for (const value of VALUES) {
        const given = Array.from({ length: position + 1 }, (_, k) => (k === position ? value : 1)) as never[]
        const result = trace[event]?.(...given)
        if (typeof result === 'function') (result as Call)(value as never)
        else expect(typeof result).toBe('boolean')
      }
    }
  }
})

const construct =
  (Class: unknown): (() => Call) =>
  () =>
  (...given: never[]) => {
    const object = new (Class as new (...given: never[]) => { [Symbol.dispose]?: () => void })(...given)
    object[Symbol.dispose]?.()
  }

const OPENERS = {
  ...{ PerCpuCounter, PerCpuCounterArray, PerCpuHistogram, PerCpuStack, PerCpuList, PerCpuPool, PerCpuRing },
  ...{ PerCpuHeap, PerCpuArray, Mutex, PerCpuLock, PerCpuCounterTree, Rcu },
}

test.each(Object.entries(OPENERS))('%s.from()', async (name, Class) => {
  await fuzz(`${name}.from`, [undefined], () => (buffer: never) => Class.from(buffer))
})

test.each<[string, unknown, unknown[], string[]]>([
  ['PerCpuCounter', PerCpuCounter, [{}], ['type', 'index']],
  ['PerCpuCounterArray', PerCpuCounterArray, [3, {}], ['type', 'index']],
  ['PerCpuCounterTree', PerCpuCounterTree, [{}], ['step', 'index']],
  ['Rcu', Rcu, [{}], ['threads']],
  ['CounterBatch', CounterBatch, [batched, 3], []],
  ['PerCpuHistogram', PerCpuHistogram, [{}], ['lowest', 'highest', 'digits']],
  ['PerCpuStack', PerCpuStack, [3, {}], ['index']],
  ['PerCpuList', PerCpuList, [{ nodes: 3, payloadSize: 8 }], ['nodes', 'payloadSize', 'checked', 'index']],
  [
    'PerCpuPool',
    PerCpuPool,
    [{ blocks: 3, blockSize: 8 }],
    ['blocks', 'blockSize', 'checked', 'cache', 'index'],
  ],
  ['PerCpuHeap', PerCpuHeap, [{ bytes: 4096 }], ['bytes', 'checked']],
  ['PerCpuRing', PerCpuRing, [256, {}], ['policy', 'index', 'tooLong']],
  ['PerCpuArray', PerCpuArray, [3, {}], ['element', 'index']],
  ['Mutex', Mutex, [undefined], []],
  ['PerCpuLock', PerCpuLock, [undefined], []],
])('new %s() and its options', async (name, Class, good, options) => {
  await fuzz(`new ${name}`, good, construct(Class))
  for (const option of options) {
    for (const value of VALUES) {
      const given = [...good.slice(0, -1), { ...(good.at(-1) as object), [option]: value }]
      // A length for which there is memory somewhere takes long to make.
      if (value === 2 ** 31) continue
      const call = (): unknown => construct(Class)()(...(given as never[]))
      await check(`new ${name}, ${option}`, call, { value, position: 0 })
    }
  }
})

test('functions', async () => {
  const operation = { op: 'add', index: 0, value: 1 } as const
  await fuzz('cpuOpv', [new PerCpuArray(2), 'overflow', [operation]], () => cpuOpv)
  for (const op of ['add', 'copy', 'shiftLeft', 'compareEqual', 'barrier', 'or']) {
    for (const field of ['op', 'index', 'value', 'from', 'bits']) {
      for (const value of VALUES) {
        const awkward = { ...operation, op, from: 0, bits: 1, [field]: value }
        const call = (): unknown => cpuOpv(new PerCpuArray(2), 'overflow', [awkward as never])
        await check(`cpuOpv ${op} ${field}`, call, { value, position: 2 })
      }
    }
  }
  await fuzz('HistogramSnapshot.decode', ['x'], () => (text: never) => HistogramSnapshot.decode(text))
  await fuzz('membarrier.fence', [0], () => (cpu: never) => {
    membarrier.fence(cpu)
  })
  await fuzz('toDate', [1n], () => toDate)
  const memory = EVENTS.open().memory
  await fuzz('defineEvents', ['shop', { a: { fields: { x: 'u8' } } }], () => defineEvents)
  await fuzz('open', [{ bytesPerCpu: 8192 }], () => (given: never) => EVENTS.open(given))
  await fuzz('from', [memory], () => (given: never) => EVENTS.from(given))
  for (const value of VALUES) {
    for (const name of ['kind', 'level', 'fields', 'end']) {
      const define = (): unknown => defineEvents('shop', { a: { kind: 'span', [name]: value } })
      await check(`defineEvents ${name}`, define, { value, position: 1 })
    }
    for (const field of [value, { type: value }, { type: 'string', most: value }, { enum: value }]) {
      const define = (): unknown => defineEvents('shop', { a: { fields: { x: field as never } } })
      await check('defineEvents field', define, { value, position: 1 })
    }
    for (const name of ['bytesPerCpu', 'policy']) {
      if (value === 2 ** 31) continue
      await check(`open ${name}`, () => EVENTS.open({ [name]: value } as TraceOptions), {
        value,
        position: 0,
      })
    }
    for (const name of ['ring', 'events', 'slot']) {
      const open = (): unknown => EVENTS.from({ ...memory, [name]: value })
      await check(`from ${name}`, open, { value, position: 0 })
    }
    for (const name of ['level', 'sample']) {
      const enable = (): unknown => EVENTS.open().enable('*', { [name]: value })
      await check(`enable ${name}`, enable, { value, position: 1 })
    }
  }
  for (const call of [info, cpuId, numaNode, concurrencyId]) await fuzz(call.name, [], () => call)
  expect(typeof verify).toBe('function')
})
