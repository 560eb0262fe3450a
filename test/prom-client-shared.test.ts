/** rseq/prom-client over memory that processes share: real processes, clusters, kills and restarts. */
import { closeSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openShared } from '../lib/shared/index.js'
import { machineWithSectionsOr } from './support/machine.js'
import { samplesOf } from './support/samples.js'
import { type Actor, Place, WHY_NO_SHM } from './support/shared.js'

const WORKERS = 4
const KILLS = 20
/** How many processes the rolling restart replaces; `RSEQ_RESTARTS=1000` for a long one. */
const RESTARTS = Number(process.env['RSEQ_RESTARTS'] ?? 100)
const AGGREGATORS = ['sum', 'max', 'min', 'average', 'first', 'omit', 'process']

describe.skipIf(WHY_NO_SHM !== '')('processes that share metrics', () => {
  let place: Place
  beforeEach(async ({ skip }) => {
    await machineWithSectionsOr(skip)
    place = new Place()
  })
  afterEach(async () => {
    await (place as Place | undefined)?.end()
  })
  const shared = (): Promise<Actor> => place.promActor({ RSEQ_SHARE: join(place.directory, 'shop') })
  const file = (): string => {
    const objects = openShared('shop', { directory: place.directory }).objects()
    return objects.find(({ kind }) => kind === 'series')?.path ?? ''
  }

  /** Lets four workers of a cluster count while they are killed; returns what they noted, and what the primary shows. */
  async function countInCluster(
    env: NodeJS.ProcessEnv,
  ): Promise<{ noted: number; seen: Record<string, number> }> {
    openShared('notes', { directory: place.directory })
    const { words, path } = place.notes()
    const primary = await place.promActor(env)
    const count = (): number => words.subarray(0, WORKERS).reduce((a, b) => a + b)
    await primary.ask('fork', { count: WORKERS, directory: place.directory, path })
    for (let kill = 0; kill < KILLS; kill++) {
      const [victim, wanted] = [kill % WORKERS, Atomics.load(words, kill % WORKERS) + 1000]
      while (Atomics.load(words, victim) < wanted) await turn()
      await primary.ask('replace', { place: victim })
    }
    // The last workers have begun to count.
    const before = Array.from(words.subarray(0, WORKERS))
    while (before.some((value, k) => Atomics.load(words, k) <= value)) await turn()
    if (env['RSEQ_SHARE'] !== undefined) await primary.ask('stop')
    const noted = count()
    const seen = samplesOf(await primary.ask('cluster'))
    return { noted, seen }
  }
  const total = (seen: Record<string, number>, name: string): number =>
    ['a', 'b'].reduce((sum, kind) => sum + (seen[`${name}{kind="${kind}"}`] ?? 0), 0)

  test(`a cluster of ${WORKERS}, whose workers are killed ${KILLS} times, loses nothing`, async () => {
    const { noted, seen } = await countInCluster({ RSEQ_SHARE: join(place.directory, 'shop') })
    const inFlight = KILLS + WORKERS
    for (const counted of [
      total(seen, 'requests_total'),
      (seen['seconds_total'] ?? 0) * 2,
      total(seen, 'latency_count'),
      seen['size_count'] ?? 0,
    ]) {
      expect(counted).toBeGreaterThanOrEqual(noted)
      expect(counted).toBeLessThanOrEqual(noted + inFlight)
    }
    const sum = (seen['size_sum'] ?? 0) / 3
    expect(sum).toBeGreaterThanOrEqual(noted)
    expect(sum).toBeLessThanOrEqual(noted + inFlight)
    expect(seen['latency_bucket{le="1",kind="a"}']).toBe(0)
    expect(seen['latency_bucket{le="2",kind="a"}']).toBe(seen['latency_count{kind="a"}'])
  })

  test('control: a cluster that is asked by messages loses what killed workers had counted', async () => {
    const { noted, seen } = await countInCluster({})
    expect(total(seen, 'requests_total')).toBeGreaterThan(0)
    expect(total(seen, 'requests_total')).toBeLessThan(noted)
  })

  test('processes go on to count and to show metrics when somebody has removed the directory', async () => {
    const [one, other] = [await shared(), await shared()]
    await one.ask('set', { value: 5 })
    await other.ask('set', { value: 20 })
    rmSync(join(place.directory, 'rseq.shop'), { recursive: true })
    await other.ask('inc', { kind: 'a', by: 3 })
    const shown = async (): Promise<unknown> => samplesOf(await one.ask('text'))
    expect(await shown()).toMatchObject({ 'gauge_sum{of="x"}': 25, 'requests_total{kind="a"}': 3 })
    await other.kill()
    expect(await shown()).toMatchObject({ 'gauge_sum{of="x"}': 5, 'requests_total{kind="a"}': 3 })
  })

  test('a gauge has a value for each process that lives, and its aggregator combines them', async () => {
    const actors = [await shared(), await shared(), await shared(), await shared()]
    for (const [k, actor] of actors.entries()) await actor.ask('set', { value: 5 * (k + 1) })
    const gauges = async (call: string): Promise<(number | undefined)[]> => {
      const seen = samplesOf(await actors[0]?.ask(call))
      return AGGREGATORS.map((name) => seen[`gauge_${name}{of="x"}`])
    }
    expect(await gauges('cluster')).toEqual([50, 20, 5, 12.5, 5, undefined, undefined])
    // In its own exposition, a process also shows what is not combined.
    expect(await gauges('text')).toEqual([50, 20, 5, 12.5, 5, 5, undefined])
    const ofProcesses = async (): Promise<number[]> => {
      const seen = Object.entries(samplesOf(await actors[0]?.ask('cluster')))
      return seen
        .filter(([name]) => name.startsWith('gauge_process{of="x",process='))
        .map(([, value]) => value)
    }
    expect(await ofProcesses()).toEqual([5, 10, 15, 20])
    await actors[3]?.kill()
    expect(await gauges('cluster')).toEqual([30, 15, 5, 10, 5, undefined, undefined])
    expect(await ofProcesses()).toEqual([5, 10, 15])
    // The next process takes the place of the dead one, without its values.
    const next = await shared()
    await next.ask('inc', { kind: 'set', by: 1 })
    expect(await gauges('cluster')).toEqual([30, 15, 5, 10, 5, undefined, undefined])
    await next.ask('set', { value: 1 })
    expect(await gauges('cluster')).toEqual([31, 15, 1, 31 / 4, 5, undefined, undefined])
    await next.ask('removeGauge', { label: 'x' })
    expect((await gauges('cluster'))[0]).toBe(30)
    // What was counted by all, also by the dead one, is there.
    expect(samplesOf(await next.ask('cluster'))['requests_total{kind="set"}']).toBe(6)
  })

  test('a process that registered nothing shows all, threads take part, and share() does what the variable does', async () => {
    const counting = await place.promActor()
    const options = { directory: place.directory }
    await counting.ask('share', { name: 'shop', options })
    await counting.ask('share', { name: 'shop', options })
    await counting.ask('inc', { kind: 'a', by: 2 })
    await counting.ask('thread', { by: 3 })
    await expect(counting.ask('share', { name: 'other', options })).rejects.toThrow(
      'share: expected a call before',
    )
    const watching = await shared()
    const seen = samplesOf(await watching.ask('text'))
    expect(seen['requests_total{kind="a"}']).toBe(2)
    expect(seen['requests_total{kind="thread"}']).toBe(3)
    expect(seen['gauge_sum{of="thread"}']).toBe(3)
    const late = await place.promActor()
    await late.ask('inc', { kind: 'a', by: 1 })
    await expect(late.ask('share', { name: 'shop', options })).rejects.toThrow(
      'before the first metric is made',
    )
  })

  test('remove() is for all processes, clear() for its own; counts stay', async () => {
    const [one, other] = [await shared(), await shared()]
    await one.ask('inc', { kind: 'a', by: 2 })
    await other.ask('inc', { kind: 'b', by: 3 })
    await other.ask('set', { value: 4 })
    await other.ask('remove', { kind: 'a' })
    expect(samplesOf(await one.ask('text'))['requests_total{kind="a"}']).toBeUndefined()
    await one.ask('inc', { kind: 'a', by: 1 })
    await other.ask('clear')
    const seen = samplesOf(await one.ask('text'))
    expect([seen['requests_total{kind="a"}'], seen['requests_total{kind="b"}']]).toEqual([1, 3])
    expect(seen['gauge_sum{of="x"}']).toBeUndefined()
  })

  test('two releases with other labels and buckets run side by side; the one that registered last is shown', async () => {
    const [old, recent] = [await shared(), await shared()]
    await old.ask('release', { buckets: [1, 2], labelNames: ['a', 'b'] })
    await recent.ask('release', { buckets: [1, 3], labelNames: ['a'] })
    const seen = samplesOf(await (await shared()).ask('text'))
    expect(Object.entries(seen).filter(([name]) => name.startsWith('changed'))).toEqual([
      ['changed_bucket{le="1"}', 1],
      ['changed_bucket{le="3"}', 1],
      ['changed_bucket{le="+Inf"}', 1],
      ['changed_sum', 1],
      ['changed_count', 1],
    ])
    expect(seen['relabelled_total{a="x"}']).toBe(1)
    // Each release goes on to show its own.
    expect(samplesOf(await old.ask('text'))['relabelled_total{a="x",b="x"}']).toBe(1)
  })

  test('default metrics: gauges of the living, counters of all, and what belongs to one process is left out', async () => {
    const [one, other] = [await shared(), await shared()]
    await one.ask('defaults')
    await other.ask('defaults')
    await one.ask('text')
    await other.ask('text')
    const both = samplesOf(await one.ask('cluster'))
    expect(both['process_start_time_seconds']).toBeUndefined()
    expect(samplesOf(await one.ask('text'))['process_start_time_seconds']).toBeGreaterThan(1e9)
    const resident = both['process_resident_memory_bytes'] ?? 0
    const cpu = both['process_cpu_user_seconds_total'] ?? 0
    expect(cpu).toBeGreaterThan(0)
    await other.kill()
    const rest = samplesOf(await one.ask('cluster'))
    expect(rest['process_resident_memory_bytes']).toBeLessThan(0.8 * resident)
    expect(rest['process_cpu_user_seconds_total']).toBeGreaterThanOrEqual(cpu)
    expect(Object.keys(rest).filter((name) => name.startsWith('nodejs_version_info')).length).toBe(1)
  })

  test(
    `a rolling restart of ${RESTARTS} processes leaves as many series and bytes as it found`,
    async ({ annotate }) => {
      let living = await Promise.all(Array.from({ length: WORKERS }, shared))
      const use = (actor: Actor, value: number): Promise<unknown> => actor.ask('set', { value })
      await Promise.all(living.map((actor) => use(actor, 1)))
      // A process starts before the one that it replaces ends.
      const replace = async (value: number): Promise<void> => {
        const next = await shared()
        await use(next, value)
        const [first, ...others] = living
        await first?.kill()
        living = [...others, next]
      }
      for (let k = 0; k < WORKERS; k++) await replace(1)
      const size = (): number => statSync(file()).blocks
      const [before, series] = [size(), Object.keys(samplesOf(await living[0]?.ask('cluster'))).length]
      for (let k = 0; k < RESTARTS; k++) await replace(1)
      const seen = samplesOf(await living[0]?.ask('cluster'))
      await annotate(
        `${size()} blocks, ${before} before; ${Object.keys(seen).length} series, ${series} before`,
      )
      expect(size()).toBeLessThanOrEqual(1.05 * before)
      expect(Object.keys(seen).length).toBe(series)
      expect(seen['gauge_sum{of="x"}']).toBe(WORKERS)
      expect(seen['requests_total{kind="set"}']).toBe(2 * WORKERS + RESTARTS)
    },
    RESTARTS * 3000 + 300_000,
  )

  test('overwritten bytes make wrong values or errors, and nothing worse', async () => {
    const one = await shared()
    await one.ask('set', { value: 1 })
    const path = file()
    const good = readFileSync(path)
    let random = 1
    const next = (below: number): number => {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0
      return Math.floor((random / 2 ** 32) * below)
    }
    const answers: string[] = []
    const opened = openSync(path, 'r+')
    for (let round = 0; round < 8; round++) {
      const bytes = Buffer.from(good)
      // The header and the columns, the table, and all that follows.
      for (const end of [8256, 500_000, bytes.length]) {
        for (let k = 0; k < 1000; k++) bytes.writeUInt32LE(next(2 ** 32), 4 * next(Math.floor(end / 4)))
      }
      // The file keeps its size: truncating it would end the process.
      writeSync(opened, bytes, 0, bytes.length, 0)
      for (const [call, input] of [
        ['text'],
        ['inc', { kind: `${round}`, by: 1 }],
        ['set', { value: 1 }],
      ] as const)
        answers.push(await one.ask(call, input).then(String, String))
      const late = await place.promActor()
      answers.push(
        await late
          .ask('share', { name: 'shop', options: { directory: place.directory } })
          .then(String, String),
      )
      answers.push(await late.ask('text').then(String, String))
      await late.kill()
    }
    closeSync(opened)
    expect(answers.filter((answer) => answer.includes('the process ended'))).toEqual([])
  })
})
