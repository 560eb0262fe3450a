/** Calls of one key take effect one after the other: a checker looks at what real threads saw. */
import { describe, expect, test } from 'vitest'
import { SharedMap } from '../../lib/index.js'
import { goesWrong } from '../support/control.js'
import { type Call, isLinearizable, overlapsIn } from '../support/linearizability.js'
import { Team } from '../support/team.mjs'

const WORKERS = 3
const CALLS = 6

/** Lets workers call a map, and returns the history of each key. */
async function historiesOf(keys: number, seed: number, broken?: 'stale' | 'two steps'): Promise<Call[][]> {
  // So large that nothing is evicted.
  const map = new SharedMap({ entries: 100_000, bytes: 1 << 24 })
  const clock = new Int32Array(new SharedArrayBuffer(8))
  const team = await Team.lineUp<null, Call[][]>('map-historian', WORKERS, {
    data: (slot) => ({ buffer: map.buffer, clock, workers: WORKERS, slot, keys, calls: CALLS, seed, broken }),
  })
  const reports = await team.run()
  expect(map.statistics()).toMatchObject({ evictions: 0, repairs: 0 })
  return Array.from({ length: keys }, (_, k) => reports.flatMap((histories) => histories[k] ?? []))
}

/** A history of calls that each take from one moment to another. */
const history = (...calls: [begin: number, end: number, call: Omit<Call, 'begin' | 'end'>][]): Call[] =>
  calls.map(([begin, end, call]) => ({ begin, end, ...call }))

describe('the checker', () => {
  const set = { name: 'set', value: 'a', result: 1 } as const
  const setB = { name: 'set', value: 'b', result: 2 } as const
  const swap = (value: string, version: number | null): Omit<Call, 'begin' | 'end'> => ({
    ...{ name: 'update', expects: 1, value, result: version },
  })

  test.each([
    ['nothing', history()],
    [
      'a read during a write, before or after it',
      history([0, 9, set], [1, 2, { name: 'get', result: null }], [3, 4, { name: 'get', result: 'a' }]),
    ],
    [
      'two writes at once, the first one last',
      history([0, 9, set], [1, 8, setB], [10, 11, { name: 'get', result: 'a' }]),
    ],
    ['one of two that swap at once', history([0, 1, set], [2, 9, swap('b', 2)], [3, 8, swap('c', null)])],
    [
      'one of two that delete',
      history(
        [0, 1, set],
        [2, 9, { name: 'delete', result: false }],
        [3, 8, { name: 'delete', result: true }],
      ),
    ],
  ])('takes %s', (_, calls) => {
    expect(isLinearizable(calls)).toBe(true)
  })

  test.each([
    ['a value that nobody has set', history([0, 1, { name: 'get', result: 'a' }])],
    [
      'an old value after a new one was set',
      history([0, 1, set], [2, 3, setB], [4, 5, { name: 'get', result: 'a' }]),
    ],
    [
      'a new value, and then the old one',
      history([0, 9, set], [1, 2, { name: 'get', result: 'a' }], [3, 4, { name: 'get', result: null }]),
    ],
    ['two that swap one version', history([0, 1, set], [2, 9, swap('b', 2)], [3, 8, swap('c', 3)])],
    ['a swap that fails for no reason', history([0, 1, set], [2, 3, swap('b', null)])],
    [
      'two that delete one entry',
      history(
        [0, 1, set],
        [2, 9, { name: 'delete', result: true }],
        [3, 8, { name: 'delete', result: true }],
      ),
    ],
    ['a wrong version', history([0, 1, set], [2, 3, { name: 'entry', result: 'a', version: 2 }])],
  ])('refuses %s', (_, calls) => {
    expect(isLinearizable(calls)).toBe(false)
  })

  test('judges thirty calls that all overlap, and no more', () => {
    const calls = Array.from({ length: 30 }, (_, k): Call => ({
      begin: k,
      end: 100 + k,
      name: 'get',
      result: null,
    }))
    expect(isLinearizable(calls)).toBe(true)
    expect(isLinearizable([...calls.slice(1), { begin: 0, end: 1, name: 'get', result: 'a' }])).toBe(false)
    expect(() => isLinearizable([...calls, ...calls])).toThrow(RangeError)
  })
})

describe('a map that three workers use', () => {
  test('is linearisable', async () => {
    let overlaps = 0
    const meets = await goesWrong(1000, async (keys) => {
      const histories = await historiesOf(keys, 1)
      expect(histories.filter((calls) => !isLinearizable(calls))).toEqual([])
      overlaps += histories.reduce((sum, calls) => sum + overlapsIn(calls), 0)
      return overlaps > 100
    })
    expect(meets).toBe(true)
  })

  test.each(['stale', 'two steps'] as const)('is not if it is broken: %s', async (broken) => {
    let seed = 0
    const isRefused = await goesWrong(300, async (keys) =>
      (await historiesOf(keys, ++seed, broken)).some((calls) => !isLinearizable(calls)),
    )
    expect(isRefused).toBe(true)
  })
})
