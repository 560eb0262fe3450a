/** Where threads run: pinned to CPUs, and moved from one to the other while they count. */
import { expect, test } from 'vitest'
import { PerCpuCounter } from '../../lib/index.js'
import { SUPPORT_FILE, supportAndCpusOr, supportOr } from '../support/addon.js'
import { losesUpdates } from '../support/control.js'
import { onSectionsOr } from '../support/machine.js'
import { Team, turn } from '../support/team.mjs'

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0)

test('pinned workers count in the shards of their CPUs', async ({ skip }) => {
  onSectionsOr(skip)
  const cpus = supportOr(skip).getAffinity(0)
  const counter = new PerCpuCounter()
  const adds = 100_000
  const cpuOf = (i: number): number => cpus[i % cpus.length] as number
  const team = await Team.lineUp('adder', 8, {
    data: (i) => ({ buffer: counter.buffer, adds, cpu: cpuOf(i), supportFile: SUPPORT_FILE }),
  })
  await team.run()
  expect(counter.value).toBe(8 * adds)

  const planned = counter.perCpu().map(() => 0)
  for (let i = 0; i < 8; i++) planned[cpuOf(i)] = (planned[cpuOf(i)] ?? 0) + adds
  counter.perCpu().forEach((counted, cpu) => {
    expect(counted).toBeLessThanOrEqual(planned[cpu] as number)
  })
  // Additions outside of the CPU's shard were aborted too often, and are in the overflow shard: very few.
  expect(counter.overflow).toBe(8 * adds - sum(counter.perCpu()))
  expect(counter.overflow).toBeLessThan(adds / 10)
})

test('many workers on one CPU: every preemption may fall into a section', async ({ skip }) => {
  onSectionsOr(skip)
  const [cpu] = supportOr(skip).getAffinity(0)
  for (const index of ['cpu', 'concurrency'] as const) {
    const counter = new PerCpuCounter({ index })
    const team = await Team.lineUp('adder', 6, {
      data: () => ({ buffer: counter.buffer, adds: 300_000, cpu, supportFile: SUPPORT_FILE }),
    })
    await team.run()
    expect(counter.value).toBe(1_800_000)
  }
})

test('the control on one CPU loses updates', async ({ skip }) => {
  onSectionsOr(skip)
  const [cpu] = supportOr(skip).getAffinity(0)
  const control = { how: 'native', workers: 4, adds: 10_000, spins: 2000, cpus: [cpu as number] } as const
  expect(await losesUpdates(control)).toBe(true)
})

test.for(['cpu', 'concurrency'] as const)('migrating workers, index %s', async (index, { skip }) => {
  onSectionsOr(skip)
  const { support, cpus } = supportAndCpusOr(skip)
  const counter = new PerCpuCounter({ index })
  const team = await Team.lineUp<number, { added: number }>('steady-adder', 4, {
    data: () => ({ buffer: counter.buffer, supportFile: SUPPORT_FILE }),
  })
  const reports = team.run()

  // Enough moves that every worker was interrupted on every CPU, and at least until it shows.
  const MOVES = 4000
  const MOST_MOVES = 1_000_000
  const everyCpuCounted = (): boolean =>
    index !== 'cpu' || cpus.every((cpu) => (counter.perCpu()[cpu] as number) > 0)
  let moves = 0
  while (moves < MOST_MOVES && (moves < MOVES || !everyCpuCounted())) {
    const tid = team.hellos[moves % team.hellos.length] as number
    const cpu = cpus[Math.floor(moves / team.hellos.length) % cpus.length] as number
    support.setAffinity(tid, [cpu])
    moves++
    if (moves % 20 === 0) await turn()
  }
  team.stop()
  const added = sum((await reports).map((report) => report.added))
  expect(everyCpuCounted()).toBe(true)
  expect(counter.value).toBe(added)
})
