/**
 * Stacks, lists and pools that many workers use at once, other CPUs' too: nothing is lost, and nothing is there twice. Each
 * structure is a row. Rings and arrays are no rows, because they hold no tokens: a ring has to be read while workers write
 * it, and an array is judged by what its workers were told. Their tests are in `ring.teams` and `array.teams`.
 */
import { describe, expect, test } from 'vitest'
import { PerCpuList, PerCpuPool, PerCpuStack, info } from '../../lib/index.js'
import { goesWrong } from '../support/control.js'
import { machineWithSectionsOr, onSectionsOr } from '../support/machine.js'
import { Team, turn } from '../support/team.mjs'
import { MOST_TURNS, backendsInTurn, pinnedTo, terminateInTurn } from '../support/team-ways.js'
import { type Tokens, hold, judge, makeTokens, release } from '../support/tokens.mjs'

const TOKENS = 24
const FINE = { foreign: 0, twice: 0, missing: 0 }
const CPUS = info().possibleCpus

interface Options {
  index?: 'cpu' | 'concurrency'
  checked?: boolean
  /** Of a pool. */
  blocks?: number
  /** Of a stack: all tokens are in the overflow stack, which the portable backend uses too. */
  overflows?: boolean
}

/** A structure that has all tokens. */
interface Subject {
  buffer: SharedArrayBuffer
  tokens: Tokens
  size: () => number
  /** Takes out all tokens. */
  drain: () => number[]
  /** Moves all tokens of a CPU elsewhere; `who` is the number of this thread, after those of the workers. */
  move: (cpu: number, who: number) => void
  /** Fails unless the structure works, from which all tokens were taken. */
  goOn: () => void
  /** Does something wrong, and returns what the judge has to find. */
  spoil: () => typeof FINE
}

interface Row {
  noun: string
  worker: string
  make: (options?: Options) => Subject
  /** What a worker reports besides its steps. */
  report: Record<string, unknown>
  /** How many tokens a worker has in its hand at most. */
  most: number
  teams: readonly (readonly [workers: number, steps: number, options: Options])[]
  pinnedSteps: number
  /** In how many steps a worker uses another CPU's tokens once, where it does so seldom. */
  seldom: number
  /** Whether the portable backend, which cannot stop a CPU, allows calls that move another CPU's tokens. */
  movesOnPortable: boolean
  terminated: readonly Options[]
  mixed: { steps: number; options?: Options; report?: Record<string, unknown> }
}

/** Stops the CPUs from `cpu` on, and pushes all tokens: as there is no CPU left, they overflow. */
function overflow(stack: PerCpuStack, cpu = 0): void {
  if (cpu < CPUS) {
    stack.onCpu(cpu, () => {
      overflow(stack, cpu + 1)
    })
  } else {
    for (let token = 1; token <= TOKENS; token++) expect(stack.push(token)).toBe(true)
    expect(stack.overflow).toBe(TOKENS)
  }
}

/** A stack with room for all tokens on each CPU. They are on the CPUs in turn. */
function makeStack({ index = 'cpu', overflows = false }: Options = {}): Subject {
  const stack = new PerCpuStack(TOKENS, { index })
  const tokens = makeTokens(TOKENS)
  if (overflows) overflow(stack)
  else for (let token = 1; token <= TOKENS; token++) stack.pushTo(token % CPUS, token)
  return {
    buffer: stack.buffer,
    tokens,
    size: () => stack.size,
    drain: () => [...stack.drain()],
    move: (cpu, who) => {
      for (const token of stack.drain(cpu)) {
        hold(tokens, token, who)
        release(tokens, token, who)
        expect(stack.pushTo((cpu + 1) % CPUS, token)).toBe(true)
      }
    },
    goOn: () => {
      for (let cpu = 0; cpu < CPUS; cpu++) {
        expect([stack.pushTo(cpu, 1), stack.popFrom(cpu)]).toEqual([true, 1])
      }
    },
    spoil: () => {
      expect(stack.popFrom(0)).toBeDefined()
      return { ...FINE, missing: 1 }
    },
  }
}

/** Lists with all nodes on their CPUs, in turn. The token of a node is its number and 1. */
function makeLists({ index = 'cpu', checked = false }: Options = {}): Subject {
  const list = new PerCpuList({ nodes: TOKENS, payloadSize: 64, checked, index })
  for (let node = 0; node < TOKENS; node++) list.pushTo(node % CPUS, node)
  return {
    buffer: list.buffer,
    tokens: makeTokens(TOKENS),
    size: () => list.size,
    drain: () => list.drain().map((node) => node + 1),
    move: (cpu) => {
      for (const node of list.drain(cpu)) list.pushTo((cpu + 1) % CPUS, node)
    },
    goOn: () => {
      for (let cpu = 0; cpu < CPUS; cpu++) {
        list.pushTo(cpu, 1)
        expect(list.popFrom(cpu)).toBe(1)
      }
      // Every node can be pushed, and once only where that is checked.
      for (let node = 0; checked && node < TOKENS; node++) {
        list.push(node)
        expect(() => {
          list.push(node)
        }).toThrow(/which was pushed already/)
      }
    },
    spoil: () => {
      expect(list.popFrom(0)).not.toBe(-1)
      return { ...FINE, missing: 1 }
    },
  }
}

/** A pool of small caches, so that blocks are moved all the time. The token of a block is its number and 1. */
function makePool({ blocks = 48, index = 'cpu', checked = false }: Options = {}): Subject {
  const pool = new PerCpuPool({ blocks, blockSize: 64, cache: 6, index, checked })
  const drain = (): number[] => {
    const found: number[] = []
    for (let block = pool.alloc(); block !== -1; block = pool.alloc()) found.push(block + 1)
    return found
  }
  return {
    buffer: pool.buffer,
    tokens: makeTokens(pool.blocks),
    size: () => pool.available,
    drain,
    move: (cpu) => pool.flush(cpu),
    goOn: () => {
      for (let cpu = 0; cpu < CPUS; cpu++) pool.flush(cpu)
    },
    spoil: () => {
      const first = pool.alloc()
      expect(pool.alloc()).not.toBe(-1)
      for (const block of [first, first]) pool.free(block)
      return { ...FINE, twice: 1, missing: 1 }
    },
  }
}

const ROWS: Row[] = [
  {
    ...{ noun: 'stack', worker: 'stack-user', make: makeStack, report: { refused: 0 }, most: 1 },
    teams: [
      [2, 20_000, {}],
      [8, 4000, {}],
      [8, 4000, { index: 'concurrency' }],
      [32, 800, {}],
    ],
    ...{ pinnedSteps: 4000, seldom: 64, movesOnPortable: false, terminated: [{}] },
    mixed: { steps: 3000, options: { overflows: true } },
  },
  {
    ...{ noun: 'list', worker: 'list-user', make: makeLists, report: { overwritten: 0 }, most: 1 },
    teams: [
      [2, 12_000, {}],
      [8, 2500, {}],
      [8, 2500, { index: 'concurrency' }],
      [32, 500, {}],
      [2, 3000, { checked: true }],
      [8, 700, { index: 'concurrency', checked: true }],
    ],
    ...{ pinnedSteps: 2500, seldom: 64, movesOnPortable: false, terminated: [{}, { checked: true }] },
    mixed: { steps: 2000 },
  },
  {
    ...{ noun: 'pool', worker: 'pool-user', make: makePool, most: 4 },
    report: { overwritten: 0, none: expect.any(Number) as number },
    teams: [
      [2, 8000, {}],
      [8, 2000, {}],
      [8, 2000, { index: 'concurrency' }],
      [8, 1500, { checked: true }],
      // There are fewer blocks than the threads want, so a thread that finds none has looked at all CPUs.
      [8, 1000, { blocks: 9 }],
      [32, 400, {}],
    ],
    ...{ pinnedSteps: 1500, seldom: 32, movesOnPortable: true, terminated: [{}, { checked: true }] },
    mixed: { steps: 1500, options: { blocks: 200 }, report: { overwritten: 0, none: 0 } },
  },
]

describe.each(ROWS)('$noun', ({ worker, make, report, movesOnPortable, seldom, ...row }) => {
  const judgeAll = ({ tokens, drain }: Subject): typeof FINE => judge(tokens, drain())

  /** Starts workers on a structure; `data` and `env` are of worker `i`. */
  const lineUp = (
    { buffer, tokens }: Subject,
    workers: number,
    data: (i: number) => Record<string, unknown>,
    env?: (i: number) => Record<string, string>,
  ): Promise<Team<null, { steps: number }>> =>
    Team.lineUp<null, { steps: number }>(worker, workers, {
      data: (i) => ({ buffer, tokens, who: i + 1, ...data(i) }),
      ...(env ? { env } : {}),
    })

  test.each(row.teams)('%d workers, %d steps each, %o', async (workers, steps, options) => {
    const subject = make(options)
    const team = await lineUp(subject, workers, () => ({ steps }))
    for (const one of await team.run()) expect(one).toEqual({ steps, ...report })
    expect(subject.size()).toBe(subject.tokens.holders.length - 1)
    expect(judgeAll(subject)).toEqual(FINE)
  })

  test.each([1, 2])('8 workers pinned to %d CPUs', async (count) => {
    const steps = row.pinnedSteps
    const subject = make()
    const pin = pinnedTo(count)
    const team = await lineUp(subject, 8, (i) => ({ steps, ...pin(i) }))
    for (const one of await team.run()) expect(one).toEqual({ steps, ...report })
    expect(judgeAll(subject)).toEqual(FINE)
  })

  test('workers, and a thread that moves all tokens of CPU after CPU', async ({ skip }) => {
    if (!movesOnPortable) onSectionsOr(skip)
    const subject = make()
    const workers = 4
    const progress = new Int32Array(new SharedArrayBuffer(4 * (workers + 1)))
    const team = await lineUp(subject, workers, () => ({ remoteEvery: seldom, progress }))
    team.go()
    // Until every worker has met this thread often: a pool moves faster than workers wake up.
    const isUnderWay = (): boolean => Math.min(...progress.subarray(1)) > 300
    for (let move = 0; move < 300 || (!isUnderWay() && move < MOST_TURNS); move++) {
      subject.move(move % CPUS, workers + 1)
      await turn()
    }
    expect(isUnderWay()).toBe(true)
    team.stop()
    for (const one of await team.reports()) expect(one).toMatchObject(report)
    expect(judgeAll(subject)).toEqual(FINE)
  })

  // What a worker has in its hand is gone with it; all others are there, and no CPU stays stopped and no lock taken.
  test.each(row.terminated)(
    'terminated workers take what they had taken, and no more: %o',
    async (options) => {
      // A dead owner is seen at once, but by the portable backend, where a lease has to end.
      const rounds = info().backend === 'native' ? 6 : 2
      for (let round = 0; round < rounds; round++) {
        const workers = 4
        const subject = make({ ...options, index: round % 2 === 0 ? 'cpu' : 'concurrency' })
        const progress = new Int32Array(new SharedArrayBuffer(4 * (workers + 1)))
        const team = await lineUp(subject, workers, () => ({ remoteEvery: 8, progress }))
        team.go()
        await terminateInTurn(team, workers, (i) => Atomics.load(progress, i + 1))
        expect(Math.min(...progress.subarray(1))).toBeGreaterThan(0)
        const noted = subject.tokens.holders.filter((who) => who !== 0).length
        const { foreign, twice, missing } = judgeAll(subject)
        expect({ foreign, twice }).toEqual({ foreign: 0, twice: 0 })
        // A worker may have had one more, that it was about to note, or had noted as given back.
        expect(missing).toBeGreaterThanOrEqual(noted)
        expect(missing).toBeLessThanOrEqual(Math.min(noted + workers, row.most * workers))
        subject.goOn()
      }
    },
  )

  // A region says how it is written. Threads of the portable backend have the tokens that are on no CPU.
  test('workers on both backends use one structure', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    onSectionsOr(skip)
    const { steps, options } = row.mixed
    const subject = make(options)
    const remoteEvery = (i: number): number => (i % 2 === 0 || movesOnPortable ? seldom : 2 * steps)
    const team = await lineUp(subject, 4, (i) => ({ steps, remoteEvery: remoteEvery(i) }), backendsInTurn)
    for (const one of await team.run()) expect(one).toEqual({ steps, ...(row.mixed.report ?? report) })
    expect(judgeAll(subject)).toEqual(FINE)
  })

  // Without this and the tests below the tests above would prove nothing.
  test('the control, a token that is kept or given back twice, is seen', () => {
    const subject = make()
    const faults = subject.spoil()
    expect(judgeAll(subject)).toEqual(faults)
  })
})

test('the judge sees tokens that are lost, duplicated or invented', () => {
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
  const isWrong = goesWrong(20_000, async (steps) => {
    const tokens = makeTokens(TOKENS)
    const words = new Float64Array(new SharedArrayBuffer(8 * (TOKENS + 1)))
    words[0] = TOKENS
    for (let token = 1; token <= TOKENS; token++) words[token] = token
    const team = await Team.lineUp('plain-stack-user', 2, {
      data: (i) => ({ words, tokens, who: i + 1, steps }),
    })
    await team.run()
    const found = [...words.subarray(1, 1 + Math.max(0, Math.min(TOKENS, words[0])))]
    const { twice, missing } = judge(tokens, found)
    return twice + missing > 0
  })
  expect(await isWrong).toBe(true)
})
