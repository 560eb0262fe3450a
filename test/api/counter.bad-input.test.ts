/** Bad input: a TypeError or RangeError that names the argument, the value and the accepted values. */
import { expect, test } from 'vitest'
import { PerCpuCounter, PerCpuCounterArray } from '../../lib/index.js'

const openers = [
  (buffer: SharedArrayBuffer): unknown => PerCpuCounter.from(buffer),
  (buffer: SharedArrayBuffer): unknown => PerCpuCounterArray.from(buffer),
]

type Bad = [what: string, value: unknown, error: typeof TypeError | typeof RangeError, shown: string]

/** The call throws exactly this class of error, and says all three things. */
function expectRefusal(
  call: () => unknown,
  error: typeof TypeError | typeof RangeError,
  argument: string,
  accepted: RegExp,
  shown: string,
): void {
  let thrown: unknown
  try {
    call()
  } catch (caught) {
    thrown = caught
  }
  expect(thrown).toBeInstanceOf(error)
  const { message } = thrown as Error
  expect(message).toMatch(new RegExp(`^${argument}: expected `))
  expect(message).toMatch(accepted)
  expect(message).toContain(shown)
}

const noNumbers: Bad[] = [
  ['nothing', undefined, TypeError, 'undefined'],
  ['null', null, TypeError, 'null'],
  ['a numeric string', '1', TypeError, "'1' (string)"],
  ['a boolean', true, TypeError, 'true (boolean)'],
  ['a bigint', 1n, TypeError, '1n (bigint)'],
  ['a symbol', Symbol('s'), TypeError, 'Symbol(s) (symbol)'],
  ['an object with valueOf', { valueOf: () => 1 }, TypeError, 'valueOf'],
  ['an array of one number', [1], TypeError, '[ 1 ]'],
  ['a Number object', Object(1), TypeError, '[Number: 1]'],
  ['a function', () => 1, TypeError, '[Function'],
]

const badForI64: Bad[] = [
  ...noNumbers,
  ['NaN', NaN, RangeError, 'NaN'],
  ['Infinity', Infinity, RangeError, 'Infinity'],
  ['-Infinity', -Infinity, RangeError, '-Infinity'],
  ['a fraction', 0.5, RangeError, '0.5'],
  ['a fraction below 0', -1.5, RangeError, '-1.5'],
  ['the smallest double', Number.MIN_VALUE, RangeError, '5e-324'],
  ['2**53', 2 ** 53, RangeError, '9007199254740992'],
  ['-(2**53)', -(2 ** 53), RangeError, '-9007199254740992'],
  ['2**63', 2 ** 63, RangeError, '9223372036854776000'],
  ['the largest double', Number.MAX_VALUE, RangeError, 'e+308'],
]

const badForF64: Bad[] = [
  ...noNumbers,
  ['NaN', NaN, RangeError, 'NaN'],
  ['Infinity', Infinity, RangeError, 'Infinity'],
  ['-Infinity', -Infinity, RangeError, '-Infinity'],
]

test.each(badForI64)('i64: add(%s)', (_, value, error, shown) => {
  const counter = new PerCpuCounter()
  counter.add(1)
  const accepted = /an integer from -\(2\*\*53 - 1\) to 2\*\*53 - 1 for an i64 counter/
  expectRefusal(
    () => {
      counter.add(value as number)
    },
    error,
    'delta',
    accepted,
    shown,
  )
  expect(counter.value).toBe(1)

  const array = new PerCpuCounterArray(3)
  expectRefusal(
    () => {
      array.add(2, value as number)
    },
    error,
    'delta',
    accepted,
    shown,
  )
  expect([...array.snapshot()]).toEqual([0, 0, 0])
})

test.each(badForF64)('f64: add(%s)', (_, value, error, shown) => {
  const counter = new PerCpuCounter({ type: 'f64' })
  counter.add(0.5)
  expectRefusal(
    () => {
      counter.add(value as number)
    },
    error,
    'delta',
    /a finite number/,
    shown,
  )
  expect(counter.value).toBe(0.5)

  const array = new PerCpuCounterArray(3, { type: 'f64' })
  expectRefusal(
    () => {
      array.add(0, value as number)
    },
    error,
    'delta',
    /a finite number/,
    shown,
  )
  expect([...array.snapshot()]).toEqual([0, 0, 0])
})

const badIndexes: Bad[] = [
  ...noNumbers,
  ['the length', 3, RangeError, '3'],
  ['-1', -1, RangeError, '-1'],
  ['a fraction', 0.5, RangeError, '0.5'],
  ['NaN', NaN, RangeError, 'NaN'],
  ['Infinity', Infinity, RangeError, 'Infinity'],
  ['2**31', 2 ** 31, RangeError, '2147483648'],
  ['2**32', 2 ** 32, RangeError, '4294967296'],
  ['2**32 + 1', 2 ** 32 + 1, RangeError, '4294967297'],
  ['2**53', 2 ** 53, RangeError, '9007199254740992'],
]

const elementCalls: Record<string, (array: PerCpuCounterArray, i: number) => unknown> = {
  'add of a small integer': (array, i) => {
    array.add(i, 1)
  },
  'add of a large integer': (array, i) => {
    array.add(i, 2 ** 40)
  },
  increment: (array, i) => {
    array.increment(i)
  },
  decrement: (array, i) => {
    array.decrement(i)
  },
  get: (array, i) => array.get(i),
  getBigint: (array, i) => array.getBigint(i),
  perCpu: (array, i) => array.perCpu(i),
  overflow: (array, i) => array.overflow(i),
  reset: (array, i) => array.reset(i),
}

test.each(badIndexes)('an element that is %s', (_, value, error, shown) => {
  for (const type of ['i64', 'f64'] as const) {
    const array = new PerCpuCounterArray(3, { type })
    for (const call of Object.values(elementCalls)) {
      expectRefusal(() => call(array, value as number), error, 'index', /an integer from 0 to 2/, shown)
    }
    expect([...array.snapshot()]).toEqual([0, 0, 0])
  }
})

test.each<Bad>([
  ...noNumbers,
  ['0', 0, RangeError, '0'],
  ['-0', -0, RangeError, '-0'],
  ['-1', -1, RangeError, '-1'],
  ['a fraction', 1.5, RangeError, '1.5'],
  ['NaN', NaN, RangeError, 'NaN'],
  ['Infinity', Infinity, RangeError, 'Infinity'],
  ['more than a region can hold', 2 ** 32, RangeError, '4294967296'],
])('an array whose length is %s', (_, value, error, shown) => {
  const call = (): unknown => new PerCpuCounterArray(value as number)
  expectRefusal(call, error, 'length', /an integer from 1 to \d+/, shown)
})

const makers: [string, (options: never) => unknown][] = [
  ['PerCpuCounter', (options) => new PerCpuCounter(options)],
  ['PerCpuCounterArray', (options) => new PerCpuCounterArray(4, options)],
]

test.each(makers)('%s: options that are no object, or have values that do not exist', (_, make) => {
  const refused = (
    options: unknown,
    error: typeof TypeError | typeof RangeError,
    argument: string,
    accepted: RegExp,
    shown: string,
  ): void => {
    expectRefusal(() => make(options as never), error, argument, accepted, shown)
  }

  refused('f64', TypeError, 'options', /an object with any of type, index/, "'f64' (string)")
  refused(null, TypeError, 'options', /an object with any of type, index/, 'null')
  refused(64, TypeError, 'options', /an object with any of type, index/, '64 (number)')
  refused({ type: 'i32' }, RangeError, 'type', /'i64' or 'f64'/, "'i32'")
  refused({ type: '' }, RangeError, 'type', /'i64' or 'f64'/, "''")
  refused({ type: 64 }, TypeError, 'type', /'i64' or 'f64'/, '64 (number)')
  refused({ type: null }, TypeError, 'type', /'i64' or 'f64'/, 'null')
  refused({ type: 'toString' }, RangeError, 'type', /'i64' or 'f64'/, "'toString'")
  refused({ index: 'node' }, RangeError, 'index', /'cpu' or 'concurrency'/, "'node'")
  refused({ index: 0 }, TypeError, 'index', /'cpu' or 'concurrency'/, '0 (number)')
})

test.each<Bad>([
  ['nothing', undefined, TypeError, 'undefined'],
  ['null', null, TypeError, 'null'],
  ['a number', 5, TypeError, '5 (number)'],
  ['an ArrayBuffer', new ArrayBuffer(1024), TypeError, 'ArrayBuffer'],
  ['a view of a SharedArrayBuffer', new Uint8Array(new SharedArrayBuffer(4)), TypeError, 'Uint8Array'],
  ['a counter', new PerCpuCounter(), TypeError, 'PerCpuCounter'],
  ['something like a buffer', { byteLength: 1024 }, TypeError, 'byteLength'],
  ['an empty buffer', new SharedArrayBuffer(0), RangeError, 'too short'],
  ['a buffer shorter than the header', new SharedArrayBuffer(63), RangeError, 'too short'],
  ['a buffer of zeros', new SharedArrayBuffer(4096), RangeError, 'was not made by rseq'],
])('from() of %s', (_, value, error, shown) => {
  for (const from of openers) {
    const call = (): unknown => from(value as SharedArrayBuffer)
    expectRefusal(call, error, 'buffer', /a SharedArrayBuffer made by rseq/, shown)
  }
})

/** A good region of a counter, with one word of its header overwritten. */
function overwritten(word: number, value: number): SharedArrayBuffer {
  const { buffer } = new PerCpuCounter()
  new Uint32Array(buffer)[word] = value
  return buffer
}

test.each([
  ['another layout version', 1, 4, /made by layout version 4; this release of rseq reads version 3/],
  ['a kind that does not exist', 2, 999, /a header field with an unknown value/],
  ['no kind', 2, 0, /a header field with an unknown value/],
  ['an element type that does not exist', 3, 7, /a header field with an unknown value/],
  ['an index that does not exist', 4, 7, /a header field with an unknown value/],
  ['writers that do not exist', 5, 3, /a header field with an unknown value/],
  ['no shards', 6, 0, /do not fit together/],
  ['more shards than it has room for', 6, 60_000, /too short/],
  ['too many shards', 6, 70_000, /do not fit together/],
  ['no counters', 7, 0, /do not fit together/],
  ['more counters than its stride has room for', 7, 17, /do not fit together/],
  ['another stride', 8, 256, /do not fit together/],
  ['shards that begin in the header', 9, 56, /do not fit together/],
  ['shards that begin at an odd address', 9, 129, /do not fit together/],
  ['shards that begin behind the end', 9, 65_536, /too short/],
  ['something where nothing is to be', 15, 1, /a header field with an unknown value/],
])('from() of a buffer with %s', (_, word, value, problem) => {
  for (const from of openers) {
    const call = (): unknown => from(overwritten(word, value))
    expectRefusal(call, RangeError, 'buffer', problem, 'a SharedArrayBuffer made by rseq')
  }
})

test('from() of a buffer that is cut off says how many bytes there are', () => {
  const { buffer } = new PerCpuCounterArray(1000)
  expect(() => PerCpuCounterArray.from(buffer.slice(0, 1000))).toThrow(/too short .*it has 1000 bytes/)
})

test('PerCpuCounter.from() of an array of more than one says whose it is', () => {
  const { buffer } = new PerCpuCounterArray(2)
  const accepted = /one counter, got an array of 2; use PerCpuCounterArray\.from/
  expectRefusal(() => PerCpuCounter.from(buffer), RangeError, 'buffer', accepted, 'array of 2')
})

test.each<Bad>([
  ['null', null, TypeError, 'null'],
  ['a plain array', [0, 0, 0], TypeError, '[ 0, 0, 0 ]'],
  ['a Float32Array', new Float32Array(3), TypeError, 'Float32Array'],
  ['an Int32Array', new Int32Array(3), TypeError, 'Int32Array'],
  ['a BigUint64Array', new BigUint64Array(3), TypeError, 'BigUint64Array'],
  ['an ArrayBuffer', new ArrayBuffer(24), TypeError, 'ArrayBuffer'],
  ['a Float64Array that is too short', new Float64Array(2), RangeError, '2'],
  ['a BigInt64Array that is too short', new BigInt64Array(0), RangeError, '0'],
])('snapshot(%s)', (_, into, error, shown) => {
  const counters = new PerCpuCounterArray(3)
  const accepted = /a Float64Array or BigInt64Array|a length of at least 3/
  expectRefusal(() => counters.snapshot(into as Float64Array), error, 'into', accepted, shown)
})

test('snapshot() of f64 counters takes no BigInt64Array', () => {
  const counters = new PerCpuCounterArray(3, { type: 'f64' })
  const into = new BigInt64Array(3)
  expectRefusal(() => counters.snapshot(into), TypeError, 'into', /a Float64Array/, 'BigInt64Array')
})

test('methods without their object are TypeErrors, not crashes', () => {
  const stranger = Object.create(PerCpuCounter.prototype) as PerCpuCounter
  expect(() => {
    stranger.add(1)
  }).toThrow(TypeError)
  expect(() => stranger.value).toThrow(TypeError)
  expect(() => stranger.reset()).toThrow(TypeError)
})

test('optimized code refuses these arguments, too, and counts nothing', () => {
  const counter = new PerCpuCounter()
  const array = new PerCpuCounterArray(3)
  const addAll = (deltas: number[], elements: number[]): void => {
    for (const delta of deltas) counter.add(delta)
    for (const i of elements) array.add(i, 1)
  }
  const good = [1, -1, 2 ** 40, -(2 ** 40)]
  const rounds = 30_000
  for (let round = 0; round < rounds; round++) addAll(good, [0, 1, 2])

  for (const [, value, error] of badForI64) {
    expect(() => {
      addAll([value as number], [])
    }).toThrow(error)
  }
  for (const [, value, error] of badIndexes) {
    expect(() => {
      addAll([], [value as number])
    }).toThrow(error)
  }
  addAll(good, [0, 1, 2])
  expect(counter.value).toBe(0)
  expect([...array.snapshot()]).toEqual([rounds + 1, rounds + 1, rounds + 1])
})
