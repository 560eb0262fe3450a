/** Stacks that many workers use at once, other CPUs' too: nothing is lost, and nothing is there twice. */
import { expect, test } from 'vitest'
import { PerCpuStack, info } from '../../lib/index.js'
import { SUPPORT_FILE, supportOr } from '../support/addon.js'
import { machineWithSectionsOr, onSectionsOr } from '../support/machine.js'
import { Team, turn } from '../support/team.mjs'
import { type Tokens, hold, judge, makeTokens, release } from '../support/tokens.mjs'

const TOKENS = 24
/** Bounds the wait for a worker's progress; each turn is one of this thread's event loop. */
const MOST_TURNS = 10_000_000
const FINE = { foreign: 0, twice: 0, missing: 0 }

interface Report {
  steps: number
  refused: number
}

/** Stacks with all tokens on their CPUs, in turn; each has room for all of them. */
function newStack(index: 'cpu' | 'concurrency' = 'cpu'): { stack: PerCpuStack; tokens: Tokens } {
  const stack = new PerCpuStack(TOKENS, { index })
  for (let token = 1; token <= TOKENS; token++) stack.pushTo(token % info().possibleCpus, token)
  return { stack, tokens: makeTokens(TOKENS) }
}

const judgeAll = (tokens: Tokens, stack: PerCpuStack): typeof FINE => judge(tokens, [...stack.drain()])

test.each([
  [2, 20_000, 'cpu'],
  [8, 4000, 'cpu'],
  [8, 4000, 'concurrency'],
  [32, 800, 'cpu'],
] as const)('%d workers, %d steps each, index %s', async (workers, steps, index) => {
  const { stack, tokens } = newStack(index)
  const team = await Team.lineUp<null, Report>('stack-user', workers, {
    data: (i) => ({ buffer: stack.buffer, tokens, who: i + 1, steps }),
  })
  for (const report of await team.run()) expect(report).toEqual({ steps, refused: 0 })
  expect(stack.size).toBe(TOKENS)
  expect(judgeAll(tokens, stack)).toEqual(FINE)
})

test.each([1, 2])('8 workers pinned to %d CPUs', async (count) => {
  const support = info().backend === 'native' ? supportOr(() => undefined as never) : null
  const cpus = (support?.getAffinity(0) ?? []).slice(0, count)
  const { stack, tokens } = newStack()
  const team = await Team.lineUp<null, Report>('stack-user', 8, {
    data: (i) => ({
      ...{ buffer: stack.buffer, tokens, who: i + 1, steps: 4000 },
      ...(cpus.length > 0 ? { cpu: cpus[i % cpus.length], supportFile: SUPPORT_FILE } : {}),
    }),
  })
  for (const report of await team.run()) expect(report).toEqual({ steps: 4000, refused: 0 })
  expect(judgeAll(tokens, stack)).toEqual(FINE)
})

test('migrating workers: moved from CPU to CPU by this thread, which takes and gives, too', async ({
  skip,
}) => {
  onSectionsOr(skip)
  const { stack, tokens } = newStack()
  const moves = 300
  const workers = 4
  const team = await Team.lineUp<null, Report>('stack-user', workers, {
    data: (i) => ({ buffer: stack.buffer, tokens, who: i + 1, remoteEvery: 64 }),
  })
  team.go()
  const me = workers + 1
  const cpus = info().possibleCpus
  for (let move = 0; move < moves; move++) {
    // All of a CPU's tokens go to the next: who wants one there has to go on without.
    const values = stack.drain(move % cpus)
    for (const token of values) {
      hold(tokens, token, me)
      release(tokens, token, me)
      expect(stack.pushTo((move + 1) % cpus, token)).toBe(true)
    }
    await turn()
  }
  team.stop()
  for (const { refused } of await team.reports()) expect(refused).toBe(0)
  expect(judgeAll(tokens, stack)).toEqual(FINE)
})

// A worker has one token at most. Where it is terminated with one in its hand, that is gone with it; all others are
// there, and no stack stays stopped.
test('terminated workers take with them what they had in their hand, and no more', async () => {
  // A dead owner is seen at once, but by the portable backend, where a lease has to end.
  const rounds = info().backend === 'native' ? 6 : 2
  for (let round = 0; round < rounds; round++) {
    const workers = 4
    const { stack, tokens } = newStack(round % 2 === 0 ? 'cpu' : 'concurrency')
    const progress = new Int32Array(new SharedArrayBuffer(4 * (workers + 1)))
    const team = await Team.lineUp('stack-user', workers, {
      data: (i) => ({ buffer: stack.buffer, tokens, who: i + 1, remoteEvery: 8, progress }),
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
    const { foreign, twice, missing } = judgeAll(tokens, stack)
    expect({ foreign, twice }).toEqual({ foreign: 0, twice: 0 })
    expect(missing).toBeLessThanOrEqual(workers)
    // And all CPUs go on.
    for (let cpu = 0; cpu < info().possibleCpus; cpu++) {
      expect([stack.pushTo(cpu, 1), stack.popFrom(cpu)]).toEqual([true, 1])
    }
  }
})

/** Stops the CPUs from `cpu` on, and pushes all tokens: as there is no CPU left, they overflow. */
function overflow(stack: PerCpuStack, cpu = 0): void {
  if (cpu < info().possibleCpus) {
    stack.onCpu(cpu, () => {
      overflow(stack, cpu + 1)
    })
  } else {
    for (let token = 1; token <= TOKENS; token++) expect(stack.push(token)).toBe(true)
  }
}

// A region says how it is written. The portable threads have the overflow stack, and cannot stop a CPU of the others'.
test('workers on both backends, one stack', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  onSectionsOr(skip)
  const stack = new PerCpuStack(TOKENS)
  const tokens = makeTokens(TOKENS)
  overflow(stack)
  expect(stack.overflow).toBe(TOKENS)
  const steps = 3000
  const team = await Team.lineUp<null, Report>('stack-user', 4, {
    data: (i) => ({
      ...{ buffer: stack.buffer, tokens, who: i + 1, steps },
      remoteEvery: i % 2 === 0 ? 64 : 2 * steps,
    }),
    env: (i) => ({ RSEQ_BACKEND: i % 2 === 0 ? 'native' : 'portable', RSEQ_TIER: '' }),
  })
  for (const report of await team.run()) expect(report).toEqual({ steps, refused: 0 })
  expect(judgeAll(tokens, stack)).toEqual(FINE)
})

// Without these the tests above would prove nothing: the judge is shown each thing that can be wrong.
test('the judge sees what is lost, what is there twice, and what nobody put there', () => {
  const all = [1, 2, 3]
  expect(judge(makeTokens(3), all)).toEqual(FINE)
  expect(judge(makeTokens(3), [1, 3])).toEqual({ ...FINE, missing: 1 })
  expect(judge(makeTokens(3), [...all, 2])).toEqual({ ...FINE, twice: 1 })
  expect(judge(makeTokens(3), [...all, 7.5])).toEqual({ ...FINE, foreign: 1 })
  const tokens = makeTokens(3)
  hold(tokens, 2, 1)
  hold(tokens, 2, 5)
  expect(judge(tokens, all)).toEqual({ ...FINE, twice: 1 })
  release(tokens, 2, 5)
  expect(judge(tokens, all)).toEqual({ ...FINE, twice: 2 })
})

test('the control, a stack of plain loads and stores, loses tokens or has them twice', async () => {
  for (let round = 0; round < 50; round++) {
    const tokens = makeTokens(TOKENS)
    const words = new Float64Array(new SharedArrayBuffer(8 * (TOKENS + 1)))
    words[0] = TOKENS
    for (let token = 1; token <= TOKENS; token++) words[token] = token
    const team = await Team.lineUp('plain-stack-user', 2, {
      data: (i) => ({ words, tokens, who: i + 1, steps: 20_000 }),
    })
    await team.run()
    const found = [...words.subarray(1, 1 + Math.max(0, Math.min(TOKENS, words[0])))]
    const { twice, missing } = judge(tokens, found)
    if (twice + missing > 0) return
  }
  expect.unreachable('it never went wrong')
})
