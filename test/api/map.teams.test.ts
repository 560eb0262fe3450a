/** Maps that many workers use at once, some of which are terminated. */
import { describe, expect, test } from 'vitest'
import { SharedMap } from '../../lib/index.js'
import { goesWrong } from '../support/control.js'
import { expectWhole } from '../support/map.js'
import { Team } from '../support/team.mjs'

interface Used {
  wrong: number
  found: number
  added: number
  swapped: number
}

/** So small that its log is written over every few dozen entries. */
const SMALL = { entries: 200, bytes: 1 << 17 }
const WORKERS = 4

/** Lets workers use a map, and adds up what they report. */
async function use(map: SharedMap, rounds: number, isCareful = true, keys = 60): Promise<Used> {
  const team = await Team.lineUp<null, Used>('map-user', WORKERS, {
    data: (slot) => ({ buffer: map.buffer, rounds, keys, slot, isCareful }),
  })
  const sum = (which: keyof Used, all: Used[]): number => all.reduce((total, one) => total + one[which], 0)
  const all = await team.run()
  return {
    wrong: sum('wrong', all),
    found: sum('found', all),
    added: sum('added', all),
    swapped: sum('swapped', all),
  }
}

describe('a map that four workers use', () => {
  test('gives each key one of its own values, while the log is written over again and again', async () => {
    const map = new SharedMap(SMALL)
    const { wrong, found } = await use(map, 4000)
    expect(wrong).toBe(0)
    expect(found).toBeGreaterThan(0)
    expect(map.statistics().evictions).toBeGreaterThan(0)
    expect(map.statistics().repairs).toBe(0)
    expectWhole(map)
  })

  test('gives wrong values to readers that do not look whether what they copied was overwritten: the control', async () => {
    const isWrong = goesWrong(200_000, async (rounds) => {
      const { wrong } = await use(new SharedMap(SMALL), rounds, false)
      return wrong > 0
    })
    expect(await isWrong).toBe(true)
  })

  test('counts every increment, and every compare and set that succeeded, once', async () => {
    // Large enough to evict nothing.
    const map = new SharedMap<number | string>({ entries: 1000, bytes: 1 << 22 })
    const { added, swapped, wrong } = await use(map, 3000)
    expect(wrong).toBe(0)
    expect(map.get('sum')).toBe(added)
    expect(map.get('swapped')).toBe(swapped)
    expect(swapped).toBeGreaterThan(0)
    expectWhole(map)
  })
})

test('workers that are terminated within a call leave a map that is whole', async () => {
  for (let round = 0; round < 6; round++) {
    const map = new SharedMap<number | string>({ entries: 1000, bytes: 1 << 20 })
    const progress = new Int32Array(new SharedArrayBuffer(4 * WORKERS))
    const team = await Team.lineUp('map-user', WORKERS, {
      data: (slot) => ({ buffer: map.buffer, rounds: 1e9, keys: 400, slot, progress }),
    })
    team.go()
    await team.terminateAtMoments((i) => Atomics.load(progress, i), 300)
    const confirmed = progress.reduce((sum, count) => sum + count, 0)
    const { wrong } = await use(map, 300, true, 400)
    expect(wrong).toBe(0)
    const sum = map.get('sum') as number | undefined
    // It may have been evicted, as nobody reads it.
    if (sum !== undefined && map.statistics().evictions === 0) {
      expect(sum).toBeGreaterThanOrEqual(confirmed)
    }
    expectWhole(map)
  }
})

describe('fetch', () => {
  const KEYS = 50

  test('computes each value once, whichever workers ask for it at once', async () => {
    const map = new SharedMap({ entries: 1000, bytes: 1 << 20 })
    const computations = new Int32Array(new SharedArrayBuffer(4 * KEYS))
    const team = await Team.lineUp<null, { wrong: number }>('map-fetcher', WORKERS, {
      data: () => ({ buffer: map.buffer, keys: KEYS, computations }),
    })
    expect(await team.run()).toEqual(Array.from({ length: WORKERS }, () => ({ wrong: 0 })))
    expect([...computations]).toEqual(Array.from(computations, () => 1))
    expect(map.statistics().waits).toBeGreaterThan(0)
    expectWhole(map)
  })

  test('of a worker that is terminated while it computes goes on in another one', async () => {
    const map = new SharedMap({ entries: 1000, bytes: 1 << 20 })
    const computations = new Int32Array(new SharedArrayBuffer(4 * KEYS))
    const progress = new Int32Array(new SharedArrayBuffer(4))
    const hanging = await Team.lineUp('map-fetcher', 1, {
      data: () => ({ buffer: map.buffer, keys: KEYS, computations, hangs: true, progress, slot: 0 }),
    })
    hanging.go()
    const team = await Team.lineUp<null, { wrong: number }>('map-fetcher', 2, {
      data: () => ({ buffer: map.buffer, keys: KEYS, computations }),
    })
    await hanging.terminateAtMoments(() => (Atomics.load(progress, 0) === KEYS ? 1 : 0), 1)
    expect(await team.run()).toEqual([{ wrong: 0 }, { wrong: 0 }])
    // Once by the worker that ended, and once by one of the others.
    expect([...computations]).toEqual(Array.from(computations, () => 2))
    expectWhole(map)
  })

  test('by somebody who marks nothing computes a value more than once: the control', async () => {
    const map = new SharedMap({ entries: 1000, bytes: 1 << 20 })
    let computed = 0
    const unmarked = async (): Promise<unknown> => {
      const found = map.get('key')
      if (found !== undefined) return found
      computed++
      const value = await Promise.resolve(1)
      map.set('key', value)
      return value
    }
    await Promise.all([unmarked(), unmarked()])
    expect(computed).toBe(2)
  })
})
