/** A pool that many workers use at once: each block has one owner at a time, and all are there in the end. */
import { expect, test } from 'vitest'
import { PerCpuPool, type PoolOptions, info } from '../../lib/index.js'
import { SUPPORT_FILE, supportOr } from '../support/addon.js'
import { machineWithSectionsOr, onSectionsOr } from '../support/machine.js'
import { Team, turn } from '../support/team.mjs'
import { type Tokens, judge, makeTokens } from '../support/tokens.mjs'

const BLOCKS = 48
/** Bounds the wait for a worker's progress; each turn is one of this thread's event loop. */
const MOST_TURNS = 10_000_000
const FINE = { foreign: 0, twice: 0, missing: 0 }

interface Report {
  steps: number
  overwritten: number
  none: number
}

/** Small caches, so that blocks are moved all the time. The token of a block is its number and 1. */
function newPool(options: Partial<PoolOptions> = {}): { pool: PerCpuPool; tokens: Tokens } {
  const pool = new PerCpuPool({ blocks: BLOCKS, blockSize: 64, cache: 6, ...options })
  return { pool, tokens: makeTokens(pool.blocks) }
}

function judgeAll(tokens: Tokens, pool: PerCpuPool): typeof FINE {
  const found: number[] = []
  for (let block = pool.alloc(); block !== -1; block = pool.alloc()) found.push(block + 1)
  return judge(tokens, found)
}

test.each([
  [2, 8000, {}],
  [8, 2000, {}],
  [8, 2000, { index: 'concurrency' }],
  [8, 1500, { checked: true }],
  // Fewer blocks than are wanted: whoever finds none has looked everywhere.
  [8, 1000, { blocks: 9 }],
  [32, 400, {}],
] as const)('%d workers, %d steps each, %o', async (workers, steps, options) => {
  const { pool, tokens } = newPool(options)
  const team = await Team.lineUp<null, Report>('pool-user', workers, {
    data: (i) => ({ buffer: pool.buffer, tokens, who: i + 1, steps }),
  })
  for (const report of await team.run()) expect(report).toMatchObject({ steps, overwritten: 0 })
  expect(pool.available).toBe(pool.blocks)
  expect(judgeAll(tokens, pool)).toEqual(FINE)
})

test.each([1, 2])('8 workers pinned to %d CPUs', async (count) => {
  const support = info().backend === 'native' ? supportOr(() => undefined as never) : null
  const cpus = (support?.getAffinity(0) ?? []).slice(0, count)
  const { pool, tokens } = newPool()
  const team = await Team.lineUp<null, Report>('pool-user', 8, {
    data: (i) => ({
      ...{ buffer: pool.buffer, tokens, who: i + 1, steps: 1500 },
      ...(cpus.length > 0 ? { cpu: cpus[i % cpus.length], supportFile: SUPPORT_FILE } : {}),
    }),
  })
  for (const report of await team.run()) expect(report).toMatchObject({ steps: 1500, overwritten: 0 })
  expect(judgeAll(tokens, pool)).toEqual(FINE)
})

test('migrating workers, and a thread that empties CPU after CPU', async () => {
  const { pool, tokens } = newPool()
  const team = await Team.lineUp<null, Report>('pool-user', 4, {
    data: (i) => ({ buffer: pool.buffer, tokens, who: i + 1 }),
  })
  team.go()
  for (let move = 0; move < 300; move++) {
    pool.flush(move % info().possibleCpus)
    await turn()
  }
  team.stop()
  for (const { overwritten } of await team.reports()) expect(overwritten).toBe(0)
  expect(judgeAll(tokens, pool)).toEqual(FINE)
})

// More blocks go through than there are, by far: none may stay where only the other thread's CPU finds it.
test.each([
  [{ cpu: [0, 0] }, 4],
  [{ cpu: [0, 1] }, 4],
  [{ cpu: [0, 1] }, 64],
])('one worker takes, another gives back: %o, caches of %d', async ({ cpu }, cache) => {
  const blocks = 6000
  const slots = new Int32Array(new SharedArrayBuffer(4 * 32))
  const positions = new Int32Array(new SharedArrayBuffer(8))
  const pool = new PerCpuPool({ blocks: slots.length + 1, blockSize: 8, cache, checked: true })
  const support = info().backend === 'native' ? supportOr(() => undefined as never) : null
  const cpus = support?.getAffinity(0) ?? []
  const team = await Team.lineUp<null, { wrong: number }>('pool-hander', 2, {
    data: (i) => ({
      ...{ buffer: pool.buffer, slots, positions, blocks, takes: i === 0 },
      ...(cpus.length > 0 ? { cpu: cpus[(cpu[i] ?? 0) % cpus.length], supportFile: SUPPORT_FILE } : {}),
    }),
  })
  expect(await team.run()).toEqual([{ wrong: 0 }, { wrong: 0 }])
  expect(pool.available).toBe(pool.blocks)
})

// What a worker has in its hand is gone with it; all others are there, and no lock stays taken.
test('terminated workers take with them what they had taken, and no more', async () => {
  // A dead owner is seen at once, but by the portable backend, where a lease has to end.
  const rounds = info().backend === 'native' ? 6 : 2
  for (let round = 0; round < rounds; round++) {
    const workers = 4
    const { pool, tokens } = newPool({
      index: round % 2 === 0 ? 'cpu' : 'concurrency',
      checked: round % 3 === 0,
    })
    const progress = new Int32Array(new SharedArrayBuffer(4 * (workers + 1)))
    const team = await Team.lineUp('pool-user', workers, {
      data: (i) => ({ buffer: pool.buffer, tokens, who: i + 1, flushEvery: 8, progress }),
    })
    team.go()
    const ends: Promise<void>[] = []
    for (let i = 0; i < workers; i++) {
      // A moment that is random in the worker's own progress.
      const moment = 1 + Math.floor(Math.random() * 200)
      for (let turns = 0; Atomics.load(progress, i + 1) < moment && turns < MOST_TURNS; turns++) await turn()
      ends.push(team.terminate(i))
    }
    await Promise.all(ends)
    expect(Math.min(...progress.subarray(1))).toBeGreaterThan(0)
    const noted = tokens.holders.filter((who) => who !== 0).length
    const { foreign, twice, missing } = judgeAll(tokens, pool)
    expect({ foreign, twice }).toEqual({ foreign: 0, twice: 0 })
    // A worker may have had one more, that it was about to note, or had noted as given back.
    expect(missing).toBeGreaterThanOrEqual(noted)
    expect(missing).toBeLessThanOrEqual(noted + workers)
  }
})

// A region says how it is written. The portable threads have the central store, and cannot fetch what CPUs have.
test('workers on both backends, one pool', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  onSectionsOr(skip)
  const { pool, tokens } = newPool({ blocks: 200 })
  const steps = 1500
  const team = await Team.lineUp<null, Report>('pool-user', 4, {
    data: (i) => ({ buffer: pool.buffer, tokens, who: i + 1, steps }),
    env: (i) => ({ RSEQ_BACKEND: i % 2 === 0 ? 'native' : 'portable', RSEQ_TIER: '' }),
  })
  for (const report of await team.run()) expect(report).toEqual({ steps, overwritten: 0, none: 0 })
  expect(judgeAll(tokens, pool)).toEqual(FINE)
})

// Without this the tests above would prove nothing: a pool that has a block twice.
test('the control, blocks that are given back twice, is seen', () => {
  const { pool, tokens } = newPool()
  const [first, second] = [pool.alloc(), pool.alloc()]
  for (const block of [first, first]) pool.free(block)
  expect(judgeAll(tokens, pool)).toEqual({ foreign: 0, twice: 1, missing: 1 })
  pool.free(second)
})
