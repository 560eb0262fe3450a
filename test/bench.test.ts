/** The benchmark runs and says what it saw: not how fast, which no test can judge. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { Samples } from '../bench/rounds.mjs'
import { judge } from '../bench/verdicts.mjs'
import { readOperations } from '../scripts/generate-operations.mjs'
import { NODES } from '../scripts/node-versions.mjs'
import { machineWithSectionsOr } from './support/machine.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const isKnown = NODES.some(({ abi }) => String(abi) === process.versions.modules)
const run = promisify(execFile)
/** The rows of the table of hot operations. */
const OPERATIONS = readOperations(readFileSync(new URL('../src/core/operations.ts', import.meta.url), 'utf8'))

interface Results {
  machine: { node: string; cpus: number }
  rounds: number
  contenders: { name: string; results: { workers: number; cost: { median: number }; throughput: number }[] }[]
  occasional: { title: string; median: number }[]
  verdicts: { title: string; measured: { median: number }; most?: number; least?: number }[]
}

describe.skipIf(!isKnown)('the benchmark', () => {
  beforeAll(() => run(process.execPath, ['scripts/build-native.mjs', 'bench/native'], { cwd: root }))

  test('measures every contender, and draws them', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const env = { ...process.env, RSEQ_TIER: undefined, RSEQ_BACKEND: undefined }
    const args = ['bench/main.mjs', '--quick', '--json', '-']
    const { stdout } = await run(process.execPath, args, { cwd: root, env, maxBuffer: 1 << 24 })
    const results = JSON.parse(stdout) as Results
    expect(results.rounds).toBe(2)
    expect(results.contenders.length).toBeGreaterThan(25)
    for (const { name, results: byWorkers } of results.contenders) {
      for (const { workers, cost, throughput } of byWorkers) {
        expect(cost.median, `${name}, ${workers} workers`).toBeGreaterThan(0)
        expect(cost.median, `${name}, ${workers} workers`).toBeLessThan(1e9)
        expect(throughput, `${name}, ${workers} workers`).toBeGreaterThan(0)
      }
    }
    const names = results.contenders.map(({ name }) => name)
    for (const { name, bench } of OPERATIONS) if (bench !== undefined) expect(names, name).toContain(bench)
    for (const { title, median } of results.occasional) expect(median, title).toBeGreaterThan(0)
    expect(results.verdicts.length).toBeGreaterThan(10)
    for (const { title, measured, most, least } of results.verdicts) {
      expect(measured.median, title).not.toBeNaN()
      expect(most ?? least, title).toBeTypeOf('number')
    }

    const { drawScaling } = await import('../bench/chart.mjs')
    const svg = drawScaling(results)
    expect(svg).toMatch(/^<svg/)
    expect(svg).toMatch(/rseq {2}[\d.]+ ns/)
    expect(svg).toContain(`Node ${results.machine.node.slice(1)}`)
  })

  test('refuses options that it does not have', async () => {
    const attempt = run(process.execPath, ['bench/main.mjs', '--seconds', 'soon'], { cwd: root })
    await expect(attempt).rejects.toMatchObject({
      stderr: expect.stringContaining('a number above 0') as string,
    })
    const nothing = run(process.execPath, ['bench/main.mjs', '--only', 'no such thing'], { cwd: root })
    await expect(nothing).rejects.toMatchObject({
      stderr: expect.stringContaining('expected a part of one of empty-loop,') as string,
    })
  })
})

/** Rounds of one worker in which the contenders cost what is given. */
function samplesOf(costs: Record<string, number[]>): Samples {
  const samples = new Samples()
  for (const [name, values] of Object.entries(costs)) {
    for (const cost of values) {
      samples.add(
        { contender: { name }, members: 1 },
        { cost, throughput: 1 / cost, coverage: 1, fastShare: 1 },
      )
    }
  }
  samples.finish()
  return samples
}

test('measures processes that share memory', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  skip(availableParallelism() < 2, 'one CPU')
  const { stdout } = await run(process.execPath, ['bench/processes/main.mjs', '--rounds', '1'], { cwd: root })
  expect(stdout).toMatch(/process\.send of a number, both ends +<= 0\.002 +(?:[\d.]+|NaN) /)
  expect(stdout).toMatch(/medians: counter [\d.]+, counters/)
})

const ROW = 'counter.add(1), one thread / an empty fast call'

test('holds what was measured against the bounds', () => {
  const verdict = (add: number) =>
    judge({ samples: samplesOf({ add: [add, add], 'empty-fast': [2, 2] }), rounds: 2 }).find(
      ({ title }) => title === ROW,
    )
  expect(verdict(2.9)).toMatchObject({ isHeld: true, measured: { median: 1.45 } })
  expect(verdict(3.1)).toMatchObject({ isHeld: false, measured: { median: 1.55 } })
})

test('leaves out rounds in which the CPU was slow, and single slices that were disturbed', () => {
  const samples = samplesOf({
    'empty-loop': [1, 1.1, 2, 1, 1],
    add: [4, 4, 8, 4, 40],
  })
  expect(samples.slowRounds).toBe(1)
  expect(samples.in(2, 'add', 1)).toBeNull()
  expect(samples.in(4, 'add', 1)).toBeNull()
  expect(samples.of('add', 1)).toHaveLength(3)
  expect(samples.summary('add', 1).cost.median).toBe(4)
})

test('keeps everything where hardly a round was quiet', () => {
  const slow = Array.from({ length: 9 }, () => 2)
  const samples = samplesOf({ 'empty-loop': [1, ...slow], add: [4, ...slow] })
  expect(samples.slowRounds).toBe(9)
  expect(samples.of('add', 1)).toHaveLength(10)
})
