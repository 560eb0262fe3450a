/** Metrics of `rseq/metrics` in memory that processes share: real processes, how they die, and releases side by side. */
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { UNPRINTABLE } from '../lib/core/printable.js'
import { defineMetrics, observeProcess, processMetrics } from '../lib/metrics/index.js'
import { type SharedDirectory, openShared } from '../lib/shared/index.js'
import { runProgram } from './support/program.js'
import { samplesOf } from './support/samples.js'
import { type Actor, type Place, WHY_NO_SHM, useService } from './support/shared.js'

const KILLS = 3
const SCHEMA = {
  counters: { requests: { help: 'Requests.', labels: ['route'] } },
  gauges: { queued: { help: 'Jobs that wait.', type: 'i64' } },
  histograms: { duration: { help: 'Time.', buckets: [0.5, 2] } },
} as const
const GAUGES = {
  gauges: Object.fromEntries(
    (['sum', 'min', 'max', 'average', 'first', 'omit', 'process'] as const).map((aggregator) => [
      aggregator,
      { help: 'A gauge.', labels: ['l'], series: 4, aggregator },
    ]),
  ),
}

describe.skipIf(WHY_NO_SHM !== '')('metrics of processes', () => {
  let place: Place
  let shop: SharedDirectory
  useService((made, opened) => {
    place = made
    shop = opened
  })
  const actorWith = async (schema: object, processes?: number): Promise<Actor> => {
    const actor = await place.actor()
    await actor.ask('openMetrics', { name: 'web', schema, ...(processes === undefined ? {} : { processes }) })
    return actor
  }

  test('any process exposes what all have counted', async () => {
    const actors = await Promise.all([actorWith(SCHEMA), actorWith(SCHEMA), actorWith(SCHEMA)])
    const rows = [
      ['requests', { route: '/' }, 'inc', 2],
      ['requests', { route: '/cart' }, 'inc', 1],
      ['queued', null, 'set', 5],
      ['duration', null, 'observe', 1],
    ]
    await Promise.all(actors.map((actor) => actor.ask('update', { rows })))
    const metrics = shop.metrics('web', defineMetrics(SCHEMA))
    const expected = {
      'requests{route="/"}': 6,
      'requests{route="/cart"}': 3,
      queued: 15,
      'duration_bucket{le="0.5"}': 0,
      'duration_bucket{le="2"}': 3,
      'duration_bucket{le="+Inf"}': 3,
      duration_sum: 3,
      duration_count: 3,
    }
    expect(samplesOf(metrics.text())).toEqual(expected)
    for (const actor of actors) expect(samplesOf(await actor.ask('exposition'))).toEqual(expected)
    expect(metrics.queued.value).toBe(15)
    expect(JSON.parse(JSON.stringify(metrics))).toMatchObject({ queued: 15 })
    await actors[0].kill()
    expect(samplesOf(metrics.text())).toEqual({ ...expected, queued: 10 })
  })

  test('what a killed process had counted stays, and its gauges go', async () => {
    const { words, path } = place.notes()
    const metrics = shop.metrics('web', defineMetrics(SCHEMA))
    metrics.queued.set(7)
    let [counted, observed] = [0, 0]
    for (let kill = 0; kill < KILLS; kill++) {
      words.fill(0)
      const actor = await actorWith(SCHEMA)
      await actor.ask('countMetricsForEver', { schema: SCHEMA, path })
      while (Atomics.load(words, 0) < 1000 || Atomics.load(words, 1) < 1000) await turn()
      expect(metrics.queued.value).toBeGreaterThan(1000)
      await actor.kill()
      const confirmed = Atomics.load(words, 0) + Atomics.load(words, 1)
      const samples = samplesOf(metrics.text())
      for (const [now, before] of [
        [samples['requests{route="/"}'], counted],
        [samples['duration_count'], observed],
      ] as [number, number][]) {
        expect(now - before).toBeGreaterThanOrEqual(confirmed)
        expect(now - before).toBeLessThanOrEqual(confirmed + 2)
      }
      counted = samples['requests{route="/"}'] as number
      observed = samples['duration_count'] as number
      expect(samples['queued']).toBe(7)
      expect(metrics.queued.value).toBe(7)
    }
    // The killed processes had one column, one after the other.
    await actorWith(SCHEMA)
    expect(samplesOf(metrics.text())).toMatchObject({ queued: 7 })
  })

  test('gauges are combined as their aggregator says', async () => {
    const metrics = shop.metrics('web', defineMetrics(GAUGES))
    const names = Object.keys(GAUGES.gauges)
    const actors: Actor[] = []
    for (const value of [4, 1, 7]) {
      const actor = await actorWith(GAUGES)
      await actor.ask('update', { rows: names.map((name) => [name, { l: 'x' }, 'set', value]) })
      actors.push(actor)
    }
    const common = { 'sum{l="x"}': 12, 'min{l="x"}': 1, 'max{l="x"}': 7, 'average{l="x"}': 4 }
    const each = [1, 2, 3].map((column, k) => [`process{l="x",process="${column}"}`, [4, 1, 7][k]])
    const shown = { ...common, 'first{l="x"}': 4, ...(Object.fromEntries(each) as object) }
    // This process has looked at no series, so it counts in none.
    expect(samplesOf(metrics.text())).toEqual(shown)
    expect(samplesOf(await actors[2]?.ask('exposition'))).toEqual({ ...shown, 'omit{l="x"}': 7 })
    await actors[1]?.kill()
    const samples = samplesOf(metrics.text())
    expect(samples).toMatchObject({ 'sum{l="x"}': 11, 'min{l="x"}': 4 })
    expect(samples).not.toHaveProperty('process{l="x",process="2"}')
    // The next process takes the least free column, where the dead one's values are not seen again.
    const next = await actorWith(GAUGES)
    expect(samplesOf(metrics.text())).toEqual(samples)
    await next.ask('update', { rows: [['process', { l: 'x' }, 'inc', 5]] })
    expect(samplesOf(metrics.text())).toEqual({ ...samples, 'process{l="x",process="2"}': 5 })
    for (const actor of actors) await actor.kill()
    await next.kill()
    expect(samplesOf(metrics.text())).toEqual({})
  })

  test('there is a column for as many processes as the options say', async () => {
    const metrics = shop.metrics('web', defineMetrics(SCHEMA), { processes: 2 })
    const second = await actorWith(SCHEMA, 2)
    await expect(actorWith(SCHEMA, 2)).rejects.toThrow('living processes have all 2 columns')
    await second.kill()
    const third = await actorWith(SCHEMA, 2)
    await third.ask('update', { rows: [['queued', null, 'inc', 3]] })
    expect(metrics.queued.value).toBe(3)
    // Another number of processes is another generation, which is added up.
    const others = await actorWith(SCHEMA, 3)
    await others.ask('update', { rows: [['queued', null, 'inc', 4]] })
    expect(samplesOf(metrics.text())['queued']).toBe(7)
    expect(metrics.queued.value).toBe(3)
  })

  test('releases with different schemas add up what they have in common', async () => {
    const NEW = {
      counters: {
        requests: { ...SCHEMA.counters.requests, series: 3 },
        errors: { help: 'Errors.', labels: { kind: ['io', 'user'] } },
      },
      gauges: { queued: { ...SCHEMA.gauges.queued, aggregator: 'max' } },
      histograms: { duration: { help: 'Time.', buckets: [0.5, 3] } },
    } as const
    const [old, recent] = [await actorWith(SCHEMA), await actorWith(NEW)]
    const rows = [
      ['requests', { route: '/' }, 'inc', 1],
      ['queued', null, 'set', 2],
      ['duration', null, 'observe', 1],
    ]
    await old.ask('update', { rows: [...rows, ['requests', { route: '/old' }, 'inc', 3]] })
    await recent.ask('update', { rows: [...rows, ['errors', { kind: 'io' }, 'inc', 1]] })
    const check = async (queued: number): Promise<void> => {
      expect(samplesOf(await recent.ask('exposition'))).toEqual({
        'requests{route="/"}': 2,
        'requests{route="/old"}': 3,
        'errors{kind="io"}': 1,
        'errors{kind="user"}': 0,
        queued,
        // Other buckets are another metric.
        'duration_bucket{le="0.5"}': 0,
        'duration_bucket{le="3"}': 1,
        'duration_bucket{le="+Inf"}': 1,
        duration_sum: 1,
        duration_count: 1,
      })
    }
    await check(2)
    expect(samplesOf(await old.ask('exposition'))).toMatchObject({
      'requests{route="/"}': 2,
      'requests{route="/old"}': 3,
      queued: 4,
      duration_count: 1,
    })
    await old.kill()
    await check(2)
    // A label set that the old release makes later takes the room that there is, and else counts as one more.
    const again = await actorWith(SCHEMA)
    const paths = ['/a', '/b', '/c'].map((route) => ['requests', { route }, 'inc', 1])
    await again.ask('update', { rows: [...paths, ['queued', null, 'set', 9]] })
    const samples = samplesOf(await recent.ask('exposition'))
    const all = Object.entries(samples).filter(([name]) => name.startsWith('requests'))
    expect(all.reduce((sum, [, value]) => sum + value, 0)).toBe(8)
    expect(samples['requests{route="__overflow__"}']).toBeGreaterThan(0)
    expect(samples['queued']).toBe(9)
  })

  test('a damaged generation is left out, with a warning that names it', async () => {
    const warnings: string[] = []
    const note = ({ name, message }: Error): void => {
      if (name === 'RseqMetricsWarning') warnings.push(message)
    }
    process.on('warning', note)
    const old = await actorWith(SCHEMA, 5)
    await old.ask('update', { rows: [['requests', { route: '/' }, 'inc', 1]] })
    await old.kill()
    const [{ path } = { path: '' }] = shop.objects()
    const whole = readFileSync(path)
    const damages: [(bytes: Buffer) => void, number][] = [
      [(bytes) => bytes.fill(0), 0], // no metrics
      [(bytes) => bytes.fill(0x20, 64, 80), 1], // no schema
      [(bytes) => bytes.fill(0x1b, 64, 80), 1], // a text that would steer a terminal
      [(bytes) => bytes.writeUInt32LE(4000, 28), 1], // more columns than there can be
      [(bytes) => bytes.writeUInt32LE(6, 28), 1], // another size
      [(bytes) => bytes.writeUInt32LE(2 ** 30, 12), 0], // a text that is not there
      [(bytes) => bytes.writeUInt32LE(2 ** 20, 20), 1], // no region of doubles
    ]
    for (const [damage, expected] of damages) {
      const bytes = Buffer.from(whole)
      damage(bytes)
      writeFileSync(path, bytes)
      warnings.length = 0
      const metrics = shop.metrics('web', defineMetrics(SCHEMA))
      metrics.requests.labels({ route: '/' })
      expect(samplesOf(metrics.text())['requests{route="/"}']).toBe(0)
      await turn()
      expect(warnings.length).toBe(expected)
      if (expected > 0) expect(warnings[0]).toContain(path)
      expect(warnings.join('')).not.toMatch(UNPRINTABLE)
    }
    truncateSync(path, 100)
    const metrics = shop.metrics('web', defineMetrics(SCHEMA))
    expect(metrics.text()).toContain('queued 0')
    // The control: the file as it was.
    writeFileSync(path, whole)
    const again = shop.metrics('web', defineMetrics(SCHEMA))
    expect(samplesOf(again.text())['requests{route="/"}']).toBe(1)
    process.off('warning', note)
  })

  test('threads of a process open the buffer, and have its column', async () => {
    const definition = defineMetrics(SCHEMA)
    const metrics = shop.metrics('web', definition)
    metrics.queued.set(1)
    const code = `
      import { parentPort, workerData } from 'node:worker_threads'
      const { defineMetrics } = await import(workerData.url)
      const metrics = defineMetrics(workerData.schema).open(workerData.buffer)
      metrics.queued.inc(2)
      metrics.batch(metrics.requests.labels({ route: '/' }), metrics.queued).commit(1, 4)
      parentPort.postMessage(metrics.text())`
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
      workerData: {
        url: new URL('../lib/metrics/index.js', import.meta.url).href,
        ...{ schema: SCHEMA, buffer: metrics.buffer },
      },
    })
    const text = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    expect(samplesOf(text)).toEqual(samplesOf(metrics.text()))
    expect(metrics.queued.value).toBe(7)
    // A buffer of which this process has no column.
    const header = new Uint32Array(metrics.buffer, 0, 16)
    const columns = 128 * Math.ceil((64 + (header[3] as number)) / 128)
    const [column] = [new Int32Array(metrics.buffer, columns, 1)]
    const note = column[0] as number
    expect(note).not.toBe(0)
    column[0] = 0
    expect(() => definition.open(metrics.buffer)).toThrow('has opened by the method metrics()')
    column[0] = note
    definition.open(metrics.buffer)
    // A copy in memory of this process alone is of no service.
    const copy = new SharedArrayBuffer(metrics.buffer.byteLength)
    new Uint8Array(copy).set(new Uint8Array(metrics.buffer))
    expect(() => definition.open(copy)).toThrow('has opened by the method metrics()')
  })

  test.each(['native', 'portable'])('threads on the %s backend open the buffer', async (backend) => {
    const { result } = await runProgram<Record<string, string>>('shared-metrics-threads', {
      input: place.directory,
      env: { RSEQ_BACKEND: backend, RSEQ_TIER: undefined },
    })
    expect(result['backend']).toBe(backend)
    for (const text of [result['theirs'], result['ours']])
      expect(samplesOf(text)).toMatchObject({ queued: 7, 'requests{route="/"}': 1 })
  })

  test('the metrics of processes are those of the service', () => {
    const definition = defineMetrics(processMetrics)
    const metrics = shop.metrics('process', definition)
    const [first, second] = [metrics, shop.metrics('process', definition)]
    const ends = [observeProcess(first, { thread: 'a' }), observeProcess(second, { thread: 'b' })]
    for (const end of ends) end()
    const samples = samplesOf(metrics.text())
    const { threadCpu } = metrics
    expect(Object.keys(samples)).toContain('nodejs_thread_cpu{thread="a",process="0"}')
    expect([...threadCpu].map(([labels]) => labels['thread']).sort()).toEqual(['a', 'b'])
    expect(samples['process_start_time_seconds']).toBeGreaterThan(1e9)
    // Both have looked at the machine, whose time is not counted twice.
    const [cpu] = cpus()
    const value = samples['host_cpu_seconds_total{cpu="0",mode="idle"}'] ?? -1
    expect(value).toBeLessThan(1.5 * ((cpu?.times.idle ?? 0) / 1000) + 10)
    expect(value).toBeGreaterThanOrEqual(0)
  })

  test('what a process has open it shows after somebody has removed the directory', () => {
    const metrics = shop.metrics('web', defineMetrics(SCHEMA))
    metrics.queued.set(4)
    rmSync(shop.path, { recursive: true })
    metrics.queued.inc()
    expect(samplesOf(metrics.text())).toMatchObject({ queued: 5 })
    expect(metrics.queued.value).toBe(5)
  })

  test('wrong arguments are refused', () => {
    const definition = defineMetrics(SCHEMA)
    expect(() => shop.metrics('web', SCHEMA as never)).toThrow(
      'definition: expected what defineMetrics() of rseq/metrics returned',
    )
    expect(() => shop.metrics('web', undefined as never)).toThrow(TypeError)
    expect(() => shop.metrics('../web', definition)).toThrow(RangeError)
    expect(() => shop.metrics('web', definition, { processes: 0 })).toThrow(RangeError)
    expect(() => shop.metrics('web', definition, { processes: 1024 })).toThrow(RangeError)
    expect(() => shop.metrics('web', definition, { process: 3 } as never)).toThrow("'process'")
    const wrong = (gauge: object): unknown => defineMetrics({ gauges: { g: { help: 'G.', ...gauge } } })
    expect(() => wrong({ aggregator: 'median' })).toThrow('g.aggregator')
    expect(() => wrong({ aggregator: 'process', labels: ['process'] })).toThrow('g.labels')
    expect(() => defineMetrics({ counters: { c: { help: 'C.', aggregator: 'sum' } as never } })).toThrow(
      'aggregator',
    )
  })

  test('they are files like other objects, and are there for a process that comes later', () => {
    const definition = defineMetrics(SCHEMA)
    const metrics = shop.metrics('web', definition)
    metrics.requests.labels({ route: '/' }).inc()
    expect(shop.objects().map(({ name, kind }) => `${name} ${kind}`)).toEqual(['web metrics'])
    metrics[Symbol.dispose]()
    expect(() => metrics.text()).toThrow('one after its [Symbol.dispose]()')
    const again = openShared('shop', { directory: place.directory }).metrics('web', definition)
    expect(samplesOf(again.text())['requests{route="/"}']).toBe(1)
  })
})
