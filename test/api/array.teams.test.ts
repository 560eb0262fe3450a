/** Words that many workers use at once, other CPUs' too: every count is exact, on every CPU that was told. */
import { expect, test } from 'vitest'
import { PerCpuArray, cpuOpv, info } from '../../lib/index.js'
import { goesWrong } from '../support/control.js'
import { machineWithSectionsOr, onSectionsOr } from '../support/machine.js'
import { Team, turn } from '../support/team.mjs'
import { backendsInTurn, pinnedTo, terminateInTurn } from '../support/team-ways.js'

const WORDS = 5

interface Report {
  steps: number
  told: number[]
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)
const total = (words: PerCpuArray, i: number): number => sum(words.perCpu(i)) + words.overflow(i)

/** The additions that each CPU has, and the overflow words. */
const counted = (words: PerCpuArray): number[] => [...words.perCpu(0), words.overflow(0)]

/** Every step is in each of the three words that count them, and on the CPU that its worker was told. */
function judge(words: PerCpuArray, reports: readonly Report[]): void {
  const steps = sum(reports.map((report) => report.steps))
  expect([0, 1, 2].map((i) => total(words, i))).toEqual([steps, steps, steps])
  const told = counted(words).map((_, cpu) => sum(reports.map((report) => report.told[cpu] as number)))
  expect(counted(words)).toEqual(told)
}

test.each([
  [2, 10_000, 'cpu', 'i64'],
  [8, 2000, 'cpu', 'i32'],
  [8, 2000, 'concurrency', 'f64'],
  [32, 400, 'cpu', 'i64'],
] as const)('%d workers, %d steps each, index %s, %s', async (workers, steps, index, element) => {
  const words = new PerCpuArray(WORDS, { index, element })
  const team = await Team.lineUp<null, Report>('array-user', workers, {
    data: (i) => ({ buffer: words.buffer, who: i, steps }),
  })
  const reports = await team.run()
  expect(reports.map((report) => report.steps)).toEqual(reports.map(() => steps))
  judge(words, reports)
})

test.each([1, 2])('8 workers pinned to %d CPUs', async (count) => {
  const pin = pinnedTo(count)
  const words = new PerCpuArray(WORDS)
  const team = await Team.lineUp<null, Report>('array-user', 8, {
    data: (i) => ({ buffer: words.buffer, who: i, steps: 2000, ...pin(i) }),
  })
  judge(words, await team.run())
})

test('workers that go on while this thread takes from one CPU and gives to another', async ({ skip }) => {
  onSectionsOr(skip)
  const words = new PerCpuArray(WORDS)
  const team = await Team.lineUp<null, Report>('array-user', 4, {
    data: (i) => ({ buffer: words.buffer, who: i, remoteEvery: 64 }),
  })
  team.go()
  const cpus = info().possibleCpus
  for (let move = 0; move < 300; move++) {
    const taken = words.onCpu(move % cpus, (owned) => owned.exchange(2, 0))
    expect(cpuOpv(words, (move + 1) % cpus, [{ op: 'add', index: 2, value: taken }])).toBe(-1)
    await turn()
  }
  team.stop()
  judge(words, await team.reports())
})

// An addition that a worker had begun when it was terminated is made or not; all others are there, and no CPU stays
// stopped.
test('terminated workers leave every addition that they had made', async () => {
  const rounds = info().backend === 'native' ? 6 : 2
  for (let round = 0; round < rounds; round++) {
    const workers = 4
    const words = new PerCpuArray(WORDS, { index: round % 2 === 0 ? 'cpu' : 'concurrency' })
    const ledger = new Int32Array(new SharedArrayBuffer(8 * workers))
    const team = await Team.lineUp('array-user', workers, {
      data: (i) => ({ buffer: words.buffer, who: i, remoteEvery: 8, ledger, keeps: false }),
    })
    team.go()
    await terminateInTurn(team, workers, (i) => Atomics.load(ledger, 2 * i + 1))
    const column = (of: number): number => sum([...ledger].filter((_, at) => at % 2 === of))
    expect(total(words, 0)).toBeGreaterThanOrEqual(column(1))
    expect(total(words, 0)).toBeLessThanOrEqual(column(0))
    expect(column(1)).toBeGreaterThan(0)
    // And all CPUs go on.
    for (let cpu = 0; cpu < info().possibleCpus; cpu++) {
      expect(words.onCpu(cpu, (owned) => owned.load(3) === owned.load(4))).toBe(true)
    }
  }
})

// A region says how it is written. The portable threads have the overflow words, and cannot stop a CPU of the others'.
test('workers on both backends use one array of words', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  onSectionsOr(skip)
  const words = new PerCpuArray(WORDS)
  const steps = 1500
  const team = await Team.lineUp<null, Report>('array-user', 4, {
    data: (i) => ({ buffer: words.buffer, who: i, steps, remoteEvery: i % 2 === 0 ? 64 : 2 * steps }),
    env: backendsInTurn,
  })
  judge(words, await team.run())
  expect(words.overflow(0)).toBeGreaterThanOrEqual(2 * steps)
})

// Without this the tests above would prove nothing.
test('the control, a load and a store in two sections, loses steps', async () => {
  const workers = 8
  const isWrong = goesWrong(500, async (steps) => {
    const words = new PerCpuArray(1)
    const team = await Team.lineUp('array-loser', workers, { data: () => ({ buffer: words.buffer, steps }) })
    await team.run()
    return total(words, 0) !== workers * steps
  })
  expect(await isWrong).toBe(true)
})
