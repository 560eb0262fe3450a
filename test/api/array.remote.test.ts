/** Another CPU's words: owned by one thread, and changed by vectors of operations. */
import { expect, test } from 'vitest'
import { type OpvOperation, type OwnedArray, PerCpuArray, cpuOpv, info } from '../../lib/index.js'
import { onSectionsOr } from '../support/machine.js'
import { pinned } from '../support/pinned.js'
import { Team, turn } from '../support/team.mjs'

const CPUS = Array.from({ length: info().possibleCpus }, (_, cpu) => cpu)
const MOST_TURNS = 10_000_000

test.each(['i64', 'i32', 'f64'] as const)('an owner has the words of a CPU for itself, %s', (element) => {
  const words = new PerCpuArray(2, { element })
  for (const cpu of [...CPUS, 'overflow'] as const) {
    const answer = words.onCpu(cpu, (owned) => {
      expect([owned.cpu, owned.length, owned.add(1, 7), owned.load(1)]).toEqual([cpu, 2, 0, 7])
      expect([owned.exchange(1, 8), owned.store(1, 9), owned.load(1)]).toEqual([7, 9, 9])
      expect([owned.compareExchange(1, 8, 1), owned.compareExchange(1, 9, 4)]).toEqual([9, 9])
      return 'answer'
    })
    expect([answer, words.get(cpu, 1), words.get(cpu, 0)]).toEqual(['answer', 4, 0])
  }
})

test('where a CPU is stopped, its threads use the overflow words, and are told', ({ skip }) => {
  onSectionsOr(skip)
  pinned(skip, (cpu) => {
    const words = new PerCpuArray(1)
    words.onCpu(cpu, (owned) => {
      expect([words.add(0, 5), words.lastCpu, owned.load(0), words.overflow(0)]).toEqual([0, -1, 0, 5])
      expect([words.compareExchange(0, 5, 6), words.load(0), owned.add(0, 1)]).toEqual([5, 6, 0])
    })
    expect([words.get(cpu, 0), words.overflow(0)]).toEqual([1, 6])
  })
})

test('an owner lets go when it throws, and what it had is of no use after', () => {
  const words = new PerCpuArray(1)
  let kept: OwnedArray | undefined
  const fail = (): never => {
    throw new Error('mine')
  }
  expect(() => words.onCpu(0, fail)).toThrow('mine')
  words.onCpu(0, (owned) => (kept = owned))
  for (const use of [() => kept?.load(0), () => kept?.add(0, 1), () => kept?.store(0, 1)]) {
    expect(use).toThrow(/the array of CPU 0 is not stopped by this call any more/)
  }
  expect(words.onCpu(0, (owned) => owned.add(0, 1))).toBe(0)
})

test('an owner cannot stop its words a second time, but can run a vector on them', () => {
  const words = new PerCpuArray(1)
  words.onCpu(0, (owned) => {
    expect(() => words.onCpu(0, () => 1)).toThrow(/this thread has stopped the array of CPU 0 itself/)
    expect(cpuOpv(words, 0, [{ op: 'add', index: 0, value: 3 }])).toBe(-1)
    expect(owned.load(0)).toBe(3)
  })
})

test('an owner that is terminated does not stop a CPU for ever', async () => {
  const rounds = info().backend === 'native' ? 3 : 1
  for (let round = 0; round < rounds; round++) {
    const words = new PerCpuArray(1)
    const inside = new Int32Array(new SharedArrayBuffer(4))
    const team = await Team.lineUp('array-owner', 1, { data: () => ({ buffer: words.buffer, inside }) })
    team.go()
    for (let turns = 0; Atomics.load(inside, 0) === 0 && turns < MOST_TURNS; turns++) await turn()
    expect(Atomics.load(inside, 0)).toBe(1)
    await team.terminate(0)
    expect(words.onCpu(0, (owned) => owned.add(0, 1))).toBe(2)
  }
})

/** Runs a vector on words 1, 2, 3 of CPU 0, within an owner's time or by itself. */
function run(
  vector: readonly OpvOperation[],
  element: 'i64' | 'i32' | 'f64' = 'i64',
  start: readonly number[] = [1, 2, 3],
): unknown[] {
  const words = new PerCpuArray(3, { element })
  words.onCpu(0, (owned) => {
    start.forEach((value, i) => owned.store(i, value))
  })
  return [cpuOpv(words, 0, vector), ...start.map((_, i) => words.get(0, i))]
}

test('a vector is done as a whole, or not at all', () => {
  expect(run([])).toEqual([-1, 1, 2, 3])
  expect(
    run([
      { op: 'compareEqual', index: 0, value: 1 },
      { op: 'compareNotEqual', index: 0, value: 2 },
      { op: 'copy', index: 2, from: 1 },
      { op: 'barrier' },
      { op: 'add', index: 2, value: 5 },
      { op: 'compareEqual', index: 2, value: 7 },
      { op: 'store', index: 1, value: -1 },
    ]),
  ).toEqual([-1, 1, -1, 7])
  expect(
    run([
      { op: 'store', index: 0, value: 9 },
      { op: 'compareEqual', index: 1, value: 2 },
      { op: 'compareNotEqual', index: 0, value: 9 },
    ]),
  ).toEqual([2, 1, 2, 3])
})

test('vectors on bits', () => {
  expect(
    run([
      { op: 'or', index: 0, value: 6 },
      { op: 'and', index: 1, value: 3 },
      { op: 'xor', index: 2, value: -1 },
    ]),
  ).toEqual([-1, 7, 2, -4])
  expect(
    run(
      [
        { op: 'shiftLeft', index: 0, bits: 31 },
        { op: 'shiftRight', index: 1, bits: 28 },
        { op: 'add', index: 2, value: 1 },
      ],
      'i32',
      [1, -1, 2 ** 31 - 1],
    ),
  ).toEqual([-1, -(2 ** 31), 15, -(2 ** 31)])
  const words = new PerCpuArray(1)
  cpuOpv(words, 0, [{ op: 'or', index: 0, value: 2n ** 64n - 1n }])
  expect(words.getBigint(0, 0)).toBe(-1n)
  cpuOpv(words, 0, [{ op: 'shiftRight', index: 0, bits: 1 }])
  expect(words.getBigint(0, 0)).toBe(2n ** 63n - 1n)
  cpuOpv(words, 0, [{ op: 'shiftLeft', index: 0, bits: 62 }])
  expect(words.getBigint(0, 0)).toBe(-(2n ** 62n))
})

test('vectors on doubles, and on the overflow words', () => {
  expect(run([{ op: 'add', index: 0, value: 0.5 }], 'f64')).toEqual([-1, 1.5, 2, 3])
  expect(run([{ op: 'compareEqual', index: 0, value: 0 }], 'f64', [-0])).toEqual([0, -0])
  expect(run([{ op: 'compareEqual', index: 0, value: NaN }], 'f64', [NaN])).toEqual([-1, NaN])
  const words = new PerCpuArray(2)
  expect(cpuOpv(words, 'overflow', [{ op: 'store', index: 1, value: 4 }])).toBe(-1)
  expect(words.overflow(1)).toBe(4)
})

const vector =
  (operation: unknown, element: 'i64' | 'i32' | 'f64' = 'i64') =>
  (): number => {
    const words = new PerCpuArray(2, { element })
    return cpuOpv(words, 0, [{ op: 'add', index: 0, value: 1 }, operation as OpvOperation])
  }
test.each([
  ['array: expected a PerCpuArray', TypeError, () => cpuOpv({} as never, 0, [])],
  ['cpu: expected an integer from 0', RangeError, () => cpuOpv(new PerCpuArray(1), -1, [])],
  ['operations: expected an array of at most 16', TypeError, () => cpuOpv(new PerCpuArray(1), 0, 7 as never)],
  [
    'operations: expected an array of at most 16',
    RangeError,
    () => cpuOpv(new PerCpuArray(1), 0, new Array<OpvOperation>(17).fill({ op: 'barrier' })),
  ],
  ['operations[1]: expected an operation', TypeError, vector(undefined)],
  ["operations[1].op: expected one of 'compareEqual'", TypeError, vector({})],
  ["operations[1].op: expected one of 'compareEqual'", RangeError, vector({ op: 'toString' })],
  [
    'operations[1].index: expected an integer from 0 to 1',
    RangeError,
    vector({ op: 'store', index: 2, value: 1 }),
  ],
  ['operations[1].index: expected an integer from 0 to 1', TypeError, vector({ op: 'copy' })],
  [
    'operations[1].from: expected an integer from 0 to 1',
    RangeError,
    vector({ op: 'copy', index: 0, from: -1 }),
  ],
  ['operations[1].value: expected an integer', RangeError, vector({ op: 'add', index: 0, value: 0.5 })],
  ['operations[1].value: expected an integer', TypeError, vector({ op: 'add', index: 0 })],
  [
    'operations[1].value: expected a bigint of 64',
    RangeError,
    vector({ op: 'or', index: 0, value: 2n ** 64n }),
  ],
  [
    'operations[1].value: expected a bigint of 32',
    RangeError,
    vector({ op: 'or', index: 0, value: 2n ** 32n }, 'i32'),
  ],
  ['operations[1].value: expected a number', TypeError, vector({ op: 'store', index: 0, value: 1n }, 'f64')],
  [
    'operations[1].bits: expected an integer from 0 to 63',
    RangeError,
    vector({ op: 'shiftLeft', index: 0, bits: 64 }),
  ],
  [
    'operations[1].bits: expected an integer from 0 to 31',
    RangeError,
    vector({ op: 'shiftLeft', index: 0, bits: 32 }, 'i32'),
  ],
  [
    'operations[1].op: expected an operation for an f64 array (no bit operation, no shift), got ',
    RangeError,
    vector({ op: 'xor', index: 0, value: 1 }, 'f64'),
  ],
] as const)('%s', (message, type, call) => {
  expect(call).toThrow(type)
  expect(call).toThrow(message)
})
