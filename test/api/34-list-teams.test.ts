/** Lists that many workers use at once, other CPUs' too: nothing is lost, and nothing is there twice. */
import { expect, test } from 'vitest'
import { PerCpuList, info } from '../../lib/index.js'
import { SUPPORT_FILE, supportOr } from '../support/addon.js'
import { machineWithSectionsOr, onSectionsOr } from '../support/machine.js'
import { Team, turn } from '../support/team.mjs'
import { type Tokens, judge, makeTokens } from '../support/tokens.mjs'

const NODES = 24
/** Bounds the wait for a worker's progress; each turn is one of this thread's event loop. */
const MOST_TURNS = 10_000_000
const FINE = { foreign: 0, twice: 0, missing: 0 }

interface Report {
  steps: number
  overwritten: number
}

/** Lists with all nodes on their CPUs, in turn. The token of a node is its number and 1. */
function newLists(index: 'cpu' | 'concurrency' = 'cpu'): { list: PerCpuList; tokens: Tokens } {
  const list = new PerCpuList({ nodes: NODES, payloadSize: 64, index })
  for (let node = 0; node < NODES; node++) list.pushTo(node % info().possibleCpus, node)
  return { list, tokens: makeTokens(NODES) }
}

const judgeAll = (tokens: Tokens, list: PerCpuList): typeof FINE =>
  judge(
    tokens,
    list.drain().map((node) => node + 1),
  )

test.each([
  [2, 12_000, 'cpu'],
  [8, 2500, 'cpu'],
  [8, 2500, 'concurrency'],
  [32, 500, 'cpu'],
] as const)('%d workers, %d steps each, index %s', async (workers, steps, index) => {
  const { list, tokens } = newLists(index)
  const team = await Team.lineUp<null, Report>('list-user', workers, {
    data: (i) => ({ buffer: list.buffer, tokens, who: i + 1, steps }),
  })
  for (const report of await team.run()) expect(report).toEqual({ steps, overwritten: 0 })
  expect(list.size).toBe(NODES)
  expect(judgeAll(tokens, list)).toEqual(FINE)
})

test.each([1, 2])('8 workers pinned to %d CPUs', async (count) => {
  const support = info().backend === 'native' ? supportOr(() => undefined as never) : null
  const cpus = (support?.getAffinity(0) ?? []).slice(0, count)
  const { list, tokens } = newLists()
  const team = await Team.lineUp<null, Report>('list-user', 8, {
    data: (i) => ({
      ...{ buffer: list.buffer, tokens, who: i + 1, steps: 2500 },
      ...(cpus.length > 0 ? { cpu: cpus[i % cpus.length], supportFile: SUPPORT_FILE } : {}),
    }),
  })
  for (const report of await team.run()) expect(report).toEqual({ steps: 2500, overwritten: 0 })
  expect(judgeAll(tokens, list)).toEqual(FINE)
})

test('migrating workers, and a thread that moves all nodes of a CPU to the next', async ({ skip }) => {
  onSectionsOr(skip)
  const { list, tokens } = newLists()
  const team = await Team.lineUp<null, Report>('list-user', 4, {
    data: (i) => ({ buffer: list.buffer, tokens, who: i + 1, remoteEvery: 64 }),
  })
  team.go()
  const cpus = info().possibleCpus
  for (let move = 0; move < 300; move++) {
    for (const node of list.drain(move % cpus)) list.pushTo((move + 1) % cpus, node)
    await turn()
  }
  team.stop()
  for (const { overwritten } of await team.reports()) expect(overwritten).toBe(0)
  expect(judgeAll(tokens, list)).toEqual(FINE)
})

// A worker has one node at most. Where it is terminated with one in its hand, that is gone with it; all others are there,
// and no list stays stopped.
test('terminated workers take with them what they had in their hand, and no more', async () => {
  // A dead owner is seen at once, but by the portable backend, where a lease has to end.
  const rounds = info().backend === 'native' ? 6 : 2
  for (let round = 0; round < rounds; round++) {
    const workers = 4
    const { list, tokens } = newLists(round % 2 === 0 ? 'cpu' : 'concurrency')
    const progress = new Int32Array(new SharedArrayBuffer(4 * (workers + 1)))
    const team = await Team.lineUp('list-user', workers, {
      data: (i) => ({ buffer: list.buffer, tokens, who: i + 1, remoteEvery: 8, progress }),
    })
    team.go()
    const ends: Promise<void>[] = []
    for (let i = 0; i < workers; i++) {
      // A moment that is random in the worker's own progress.
      const moment = 1 + Math.floor(Math.random() * 300)
      for (let turns = 0; Atomics.load(progress, i + 1) < moment && turns < MOST_TURNS; turns++) await turn()
      ends.push(team.terminate(i))
    }
    await Promise.all(ends)
    expect(Math.min(...progress.subarray(1))).toBeGreaterThan(0)
    const { foreign, twice, missing } = judgeAll(tokens, list)
    expect({ foreign, twice }).toEqual({ foreign: 0, twice: 0 })
    expect(missing).toBeLessThanOrEqual(workers)
    // And all CPUs go on.
    for (let cpu = 0; cpu < info().possibleCpus; cpu++) {
      list.pushTo(cpu, 1)
      expect(list.popFrom(cpu)).toBe(1)
    }
  }
})

// A region says how it is written. The portable threads have the overflow list, and cannot stop a CPU of the others'.
test('workers on both backends, the same lists', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  onSectionsOr(skip)
  const { list, tokens } = newLists()
  const steps = 2000
  const team = await Team.lineUp<null, Report>('list-user', 4, {
    data: (i) => ({
      ...{ buffer: list.buffer, tokens, who: i + 1, steps },
      remoteEvery: i % 2 === 0 ? 64 : 2 * steps,
    }),
    env: (i) => ({ RSEQ_BACKEND: i % 2 === 0 ? 'native' : 'portable', RSEQ_TIER: '' }),
  })
  for (const report of await team.run()) expect(report).toEqual({ steps, overwritten: 0 })
  expect(judgeAll(tokens, list)).toEqual(FINE)
})

// Without this the tests above would prove nothing: lists that lack a node.
test('the control, a node that is kept, is missed', () => {
  const { list, tokens } = newLists()
  expect(list.popFrom(0)).not.toBe(-1)
  expect(judgeAll(tokens, list)).toEqual({ ...FINE, missing: 1 })
})
