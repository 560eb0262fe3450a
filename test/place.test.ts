/** cpuId(), numaNode() and concurrencyId(): loads that follow the thread wherever the kernel moves it. */
import { existsSync, readdirSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { concurrencyId, cpuId, info, numaNode } from '../lib/index.js'
import { SUPPORT_FILE, type Support, supportAndCpusOr, supportOr } from './support/addon.js'
import { onSectionsOr } from './support/machine.js'
import { runProgram } from './support/program.js'
import { Team, turn } from './support/team.mjs'

/** Undoes what a test did to this thread. */
let restore: (() => void) | null = null

function pinThisThread(support: Support, cpu: number): void {
  const before = support.getAffinity(0)
  restore ??= () => support.setAffinity(0, before)
  support.setAffinity(0, [cpu])
}

afterEach(() => {
  restore?.()
  restore = null
})

test('the ids are in their ranges', () => {
  const { possibleCpus } = info()
  for (const id of [cpuId(), concurrencyId()]) {
    expect(Number.isInteger(id)).toBe(true)
    expect(id).toBeGreaterThanOrEqual(0)
    expect(id).toBeLessThan(possibleCpus)
  }
  expect(Number.isInteger(numaNode())).toBe(true)
  expect(numaNode()).toBeGreaterThanOrEqual(0)
})

test('the portable backend has its own ids, in the ranges of the native ones', async () => {
  const { result } = await runProgram<{
    cpu: number
    node: number
    concurrency: number
    possibleCpus: number
  }>('place', { env: { RSEQ_BACKEND: 'portable' } })
  expect(result.cpu).toBeLessThan(result.possibleCpus)
  expect(result.concurrency).toBeLessThan(result.possibleCpus)
  expect(result.node).toBe(0)
})

test('on each CPU, cpuId() is that CPU and numaNode() the node it belongs to', ({ skip }) => {
  onSectionsOr(skip)
  const support = supportOr(skip)
  for (const cpu of support.getAffinity(0)) {
    pinThisThread(support, cpu)
    expect(cpuId()).toBe(cpu)
    const directory = `/sys/devices/system/cpu/cpu${cpu}`
    const nodes = existsSync(directory) ? readdirSync(directory).filter((name) => /^node\d+$/.test(name)) : []
    if (nodes.length === 1) expect(`node${numaNode()}`).toBe(nodes[0])
  }
})

test('cpuId() follows 20 migrations inside one hot, optimized loop', async ({ skip }) => {
  onSectionsOr(skip)
  const { support, cpus: allowed } = supportAndCpusOr(skip)
  const ids = (): Int32Array => new Int32Array(new SharedArrayBuffer(4 * 8192))
  const [cpus, concurrencyIds, finished] = [ids(), ids(), ids()]
  const team = await Team.lineUp<number, number>('place-watcher', 1, {
    data: () => ({ cpus, concurrencyIds, finished, supportFile: SUPPORT_FILE }),
  })
  const tid = team.hellos[0] as number
  const marked = (seen: Int32Array): number[] => [...seen.keys()].filter((id) => seen[id] === 1)

  support.setAffinity(tid, [allowed[0] as number])
  const reports = team.run()
  for (let move = 1; move <= 20; move++) {
    const cpu = allowed[move % allowed.length] as number
    // The thread is elsewhere, so it does not mark this one until it has been moved.
    Atomics.store(cpus, cpu, 0)
    support.setAffinity(tid, [cpu])
    // Bounded by the loop's own end.
    while (Atomics.load(cpus, cpu) === 0 && Atomics.load(finished, 0) === 0) await turn()
    expect(Atomics.load(cpus, cpu), `move ${move}, to CPU ${cpu}`).toBe(1)
  }
  // The loop still runs: it did not start again to see the change.
  expect(Atomics.load(finished, 0)).toBe(0)
  team.stop()
  await reports
  for (const id of marked(cpus)) expect(allowed).toContain(id)
  for (const id of marked(concurrencyIds)) expect(id).toBeLessThan(info().possibleCpus)
  expect(marked(concurrencyIds).length).toBeGreaterThan(0)
})

test('two Workers that run at the same time have different concurrency ids', async ({ skip }) => {
  onSectionsOr(skip)
  const { cpus } = supportAndCpusOr(skip)
  const pair = (): Int32Array => new Int32Array(new SharedArrayBuffer(8))
  const [arrived, noted] = [pair(), pair()]
  const team = await Team.lineUp<null, { different: number; ids: number[] }>('lockstep', 2, {
    data: (me) => ({ arrived, noted, me, rounds: 500, cpu: cpus[me], supportFile: SUPPORT_FILE }),
  })
  for (const { different, ids } of await team.run()) {
    // One of them may be preempted just then, and its id be given away; not in all of the rounds.
    expect(different).toBeGreaterThan(0)
    for (const id of ids) expect(id).toBeLessThan(info().possibleCpus)
  }
})
