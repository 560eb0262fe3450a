/**
 * `rseq/prom-client` against prom-client itself: each program runs with both, and must see the same answers, errors and texts.
 * Where they differ on purpose, the last test of a group says how.
 */
import { spawnSync } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import theirs from 'prom-client'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { info } from '../lib/index.js'
import { Children } from '../lib/prom-client/children.js'
import ours from '../lib/prom-client/index.js'
import { LineCache } from '../lib/prom-client/line-cache.js'
import { memory } from '../lib/prom-client/memory.js'

type Client = typeof theirs
const clients: Readonly<Record<string, Client>> = { rseq: ours as unknown as Client, 'prom-client': theirs }

afterEach(() => {
  for (const client of Object.values(clients)) {
    client.register.clear()
    client.register.setContentType(client.Registry.PROMETHEUS_CONTENT_TYPE)
  }
})

/** What a call throws, or what it returns. */
function attempt(call: () => unknown): unknown {
  try {
    return { returned: call() === undefined ? 'nothing' : 'something' }
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`
  }
}

/** Runs a program with both libraries, and compares what it returns. */
async function agree(program: (client: Client) => unknown): Promise<void> {
  const expected = await program(theirs)
  expect(await program(ours as unknown as Client)).toEqual(expected)
}

describe('counters', () => {
  const program = (client: Client) => {
    const counter = new client.Counter({ name: 'a_total', help: 'A \\ b\nc', labelNames: ['m', 's'] })
    counter.inc({ m: 'GET', s: 200 })
    counter.inc({ m: 'GET', s: '200' }, 2.5)
    counter.labels('POST', '1"\n\\').inc(3)
    counter.labels({ m: 'x' }).inc()
    counter.inc()
    return counter
  }

  test('values, labels and text', () =>
    agree(async (client) => {
      const counter = program(client)
      return [await counter.get(), await client.register.metrics()]
    }))

  test('errors', () =>
    agree((client) => {
      const counter = program(client)
      const inc = counter.inc.bind(counter) as (...values: unknown[]) => void
      return [
        attempt(() => {
          inc({ q: 1 })
        }),
        attempt(() => {
          inc(-1)
        }),
        attempt(() => {
          inc('3ms')
        }),
        attempt(() => {
          inc({ m: 'a' }, Infinity)
        }),
        attempt(() => counter.labels('x')),
        attempt(() => {
          inc(null)
        }),
        attempt(() => {
          inc(0)
        }),
        attempt(() => {
          inc({ m: 'z', s: 1 }, null)
        }),
        attempt(() => {
          ;(counter.labels as (labels: object) => { inc(): void })({ q: 1 }).inc()
        }),
      ]
    }))

  test('removal and reset begin series anew, also by what labels() gave before', () =>
    agree(async (client) => {
      const counter = program(client)
      const held = counter.labels('GET', '200')
      counter.remove('GET', '200')
      counter.remove({ m: 'POST', s: 'none' })
      const removed = await client.register.metrics()
      held.inc(5)
      const again = await client.register.metrics()
      counter.reset()
      const reset = await counter.get()
      held.inc()
      return [removed, again, reset, await counter.get()]
    }))

  test('differs: a counter refuses NaN, which makes one of prom-client no number for ever', async () => {
    const add = async (client: Client) => {
      const counter = new client.Counter({ name: 'n', help: 'n' })
      const outcome = attempt(() => {
        counter.inc(NaN)
      })
      return [outcome, (await counter.get()).values[0]?.value]
    }
    expect(await add(theirs)).toEqual([{ returned: 'nothing' }, NaN])
    expect(await add(clients['rseq'] as Client)).toEqual(['TypeError: Value is not a valid number: NaN', 0])
  })

  test('label values that the shared memory cannot tell apart are one series', async () => {
    const counter = new ours.Counter({ name: 'odd_labels', help: 'h', labelNames: ['a'] })
    for (const a of ['\0', '\ud800', '\ufffd', '\\u0000', '\u0001']) counter.inc({ a })
    const { values } = await counter.get()
    expect(values.map(({ value }) => value)).toEqual([3, 1, 1])
    expect(counter.labels('\udfff')).toBeDefined()
  })

  test('whole numbers stay exact where doubles do not', async () => {
    const counter = new ours.Counter({ name: 'big', help: 'x' })
    counter.inc(2 ** 52)
    for (let k = 0; k < 100; k++) counter.inc()
    expect((await counter.get()).values[0]?.value).toBe(2 ** 52 + 100)
  })
})

describe('gauges', () => {
  test('values, among them no numbers and infinities, and errors', () =>
    agree(async (client) => {
      const gauge = new client.Gauge({ name: 'g', help: 'g', labelNames: ['x'] })
      const set = gauge.set.bind(gauge) as (...values: unknown[]) => void
      gauge.set(5)
      gauge.set({ x: 1 }, NaN)
      gauge.set({ x: 2 }, -Infinity)
      gauge.inc({ x: 3 })
      gauge.dec({ x: 3 }, 4)
      gauge.labels('4').set(9)
      gauge.labels('4').inc(0.5)
      gauge.inc({ x: 2 }, 1)
      gauge.set({ x: 2 }, 7)
      const outcomes = [
        attempt(() => {
          set('x')
        }),
        attempt(() => {
          set({ x: 1 })
        }),
        attempt(() => {
          set({ y: 1 }, 1)
        }),
        attempt(() => {
          ;(gauge.inc as (value: unknown) => void)('y')
        }),
      ]
      const single = new client.Gauge({ name: 'single', help: 's' })
      single.inc()
      const before = await client.register.metrics()
      gauge.remove('1')
      gauge.reset()
      single.reset()
      return [outcomes, before, await client.register.metrics()]
    }))

  test('collect() runs before each exposition, and may be asynchronous', () =>
    agree(async (client) => {
      let calls = 0
      new client.Gauge({
        name: 'collected',
        help: 'x',
        async collect() {
          await Promise.resolve()
          this.set(++calls)
        },
      })
      return [await client.register.metrics(), await client.register.getMetricsAsJSON()]
    }))

  test('a timer sets the seconds that passed', async () => {
    const gauge = new ours.Gauge({ name: 'timer', help: 'x', labelNames: ['a', 'b'] })
    const end = gauge.startTimer({ a: 1 })
    const seconds = end({ b: 2 })
    expect((await gauge.get()).values).toEqual([{ value: seconds, labels: { a: 1, b: 2 } }])
  })
})

describe('histograms', () => {
  test('buckets, sums, counts, text and errors', () =>
    agree(async (client) => {
      const histogram = new client.Histogram({ name: 'h', help: 'h', labelNames: ['l'] })
      const observe = histogram.observe.bind(histogram) as (...values: unknown[]) => void
      histogram.observe({ l: 'a' }, 0.3)
      histogram.observe({ l: 'a' }, 0)
      histogram.labels('b').observe(99)
      histogram.observe(0)
      histogram.zero({ l: 'q' })
      const linear = new client.Histogram({ name: 'h0', help: 'x', buckets: client.linearBuckets(0, 10, 3) })
      linear.observe(20)
      linear.observe(20.1)
      const outcomes = [
        attempt(() => {
          observe({ l: 1 }, 'x')
        }),
        attempt(() => {
          observe({ z: 1 }, 1)
        }),
      ]
      const before = [await histogram.get(), await client.register.metrics()]
      histogram.remove('a')
      const removed = await client.register.metrics()
      client.register.resetMetrics()
      histogram.observe({ l: 'a' }, 1)
      return [outcomes, before, removed, await client.register.metrics()]
    }))

  test('bucket generators', () =>
    agree((client) => [
      client.exponentialBuckets(0.1, 1.5, 5),
      client.linearBuckets(0.1, 0.1, 4),
      attempt(() => client.exponentialBuckets(0, 2, 3)),
      attempt(() => client.exponentialBuckets(1, 1, 3)),
      attempt(() => client.exponentialBuckets(1, 2, 0)),
      attempt(() => client.linearBuckets(1, 2, 0)),
    ]))
})

describe('summaries', () => {
  test('quantiles, sums and counts', () =>
    agree(async (client) => {
      const summary = new client.Summary({ name: 's', help: 's', labelNames: ['l'] })
      for (const value of [100, 100, 100, 50, 50]) summary.observe({ l: '1' }, value)
      for (let value = 0; value < 100; value++) summary.labels('two').observe(value)
      const before = await summary.get()
      summary.remove('two')
      summary.reset()
      return [before, await summary.get(), await client.register.metrics()]
    }))

  test('many values: quantiles are within one percent of their ranks', async () => {
    const summary = new ours.Summary({ name: 'many', help: 'x', percentiles: [0.01, 0.5, 0.99, 0.999] })
    const size = 100_000
    // 7919 is prime to the size: each value from 0 to size - 1 comes once.
    for (let k = 0; k < size; k++) summary.observe((k * 7919) % size)
    for (const { labels, value, metricName } of (await summary.get()).values) {
      if (metricName === undefined)
        expect(Math.abs(value / size - Number(labels['quantile']))).toBeLessThan(0.01)
    }
  })
})

describe('exemplars', () => {
  test('of counters and buckets, in OpenMetrics', () =>
    agree(async (client) => {
      const registers = [new client.Registry(...([client.openMetricsContentType] as unknown as []))]
      const config = { help: 'e', labelNames: ['z'], enableExemplars: true, registers } as const
      const counter = new client.Counter({ ...config, name: 'e_total' })
      counter.inc({ labels: { z: 1 }, value: 2, exemplarLabels: { trace: 'x' } } as never)
      const histogram = new client.Histogram({ ...config, name: 'eh' })
      histogram.observe({ labels: { z: 1 }, value: 0.3, exemplarLabels: { trace: 'y' } } as never)
      const tooLong = { value: 1, labels: { z: 1 }, exemplarLabels: { a: 'j'.repeat(130) } }
      const text = await (registers[0] as { metrics(): Promise<string> }).metrics()
      const outcome = attempt(() => {
        histogram.observe(tooLong as never)
      })
      return [outcome, text.replace(/ \d{10}(\.\d+)?$/gm, ' TIME')]
    }))

  test("are refused by a registry of Prometheus's text format", () =>
    agree((client) => attempt(() => new client.Counter({ name: 'ex', help: 'x', enableExemplars: true }))))
})

describe('registries', () => {
  test('default labels, single metrics, merging and errors', () =>
    agree(async (client) => {
      const counter = new client.Counter({ name: 'c', help: 'c', labelNames: ['m'] })
      counter.inc({ m: 'own' })
      counter.inc()
      client.register.setDefaultLabels({ d: 'v', m: 'default' })
      const other = new client.Registry()
      new client.Counter({ name: 'r', help: 'r', registers: [other] })
      const openMetrics = new client.Registry(...([client.openMetricsContentType] as unknown as []))
      return [
        await client.register.metrics(),
        await client.register.getSingleMetricAsString('c'),
        await client.register.getMetricsAsJSON(),
        client.register.getSingleMetric('none'),
        // prom-client has written the default labels into its samples by now.
        (await client.Registry.merge([client.register, other]).metrics()).split('\n').slice(-3),
        attempt(() => client.Registry.merge([client.register, openMetrics])),
        attempt(() => new client.Counter({ name: 'c', help: 'x' })),
        attempt(() => new (client.Registry as unknown as new (type: string) => unknown)('text')),
        attempt(() => {
          client.register.setContentType('x' as never)
        }),
        client.contentType,
        client.validateMetricName('a:b'),
        client.validateMetricName('a-b'),
      ]
    }))

  test('objects of other libraries', () =>
    agree(async (client) => {
      const registry = new client.Registry()
      const values = [{ value: 12, labels: { label: 'hello', code: '3"03' } }, { value: 1 }]
      registry.registerMetric({
        name: 'x',
        get: () => ({ name: 'x', type: 'counter', help: 'h', values }),
      } as never)
      return [
        await registry.metrics(),
        await registry.getMetricsAsJSON(),
        attempt(() => {
          registry.registerMetric({ name: 'x' } as never)
        }),
      ]
    }))

  test('wrong configurations', () =>
    agree((client) =>
      [
        undefined,
        { name: 'q' },
        { help: 'q' },
        { name: 'a-b', help: 'x' },
        { name: 'ab', help: 'x', labelNames: ['a-b'] },
        { name: 'gc', help: 'x', collect: 1 },
      ].map((config) => attempt(() => new client.Gauge(config as never))),
    ))

  test('after clear(), a name is free, and the old metric lives on by itself', () =>
    agree(async (client) => {
      const old = new client.Counter({ name: 'c', help: 'c' })
      old.inc(5)
      client.register.clear()
      const fresh = new client.Counter({ name: 'c', help: 'c', labelNames: ['l'] })
      old.inc(2)
      fresh.inc({ l: 1 })
      return [await old.get(), await fresh.get(), await client.register.metrics()]
    }))

  test('aggregates', () =>
    agree(async (client) => {
      for (const aggregator of ['sum', 'first', 'min', 'max', 'average', 'omit'] as const) {
        new client.Gauge({ name: aggregator, help: 'x', aggregator, labelNames: ['l'] }).set({ l: 'a' }, 3)
      }
      const one = await client.register.getMetricsAsJSON()
      const two = structuredClone(one)
      for (const { values } of two as { values: { value: number }[] }[])
        for (const each of values) each.value = 5
      const { AggregatorRegistry } = client
      return [
        await AggregatorRegistry.aggregate([one, two]).metrics(),
        attempt(() => AggregatorRegistry.aggregate([[{ name: 'q', aggregator: 'nope' }]] as never)),
        attempt(() => {
          AggregatorRegistry.setRegistries([1] as never)
        }),
        await new AggregatorRegistry().clusterMetrics(),
      ]
    }))

  test('default metrics have the names, help texts and labels of prom-client', () =>
    agree(async (client) => {
      client.collectDefaultMetrics({ prefix: 'p_', labels: { inst: 1 } })
      await client.register.metrics()
      const text = await client.register.metrics()
      // rseq_info is the one that prom-client does not have.
      const samples = text
        .split('\n')
        .filter(
          (line) =>
            line !== '' &&
            !line.includes('rseq_info') &&
            (line.startsWith('#') || !/_active_|_gc_/.test(line)),
        )
      return [
        samples.map((line) => line.replace(/ [-+.\de]+$/, '')),
        attempt(() => {
          client.collectDefaultMetrics('x' as never)
        }),
        client.collectDefaultMetrics.metricsList.filter((name) => name !== 'backend'),
      ]
    }))

  test('a default metric says which backend runs, and why', async () => {
    ours.collectDefaultMetrics({ labels: { inst: 1 } })
    const { backend, tier, reason } = info()
    const labels = `backend="${backend}",tier="${tier}",reason="${reason ?? ''}",inst="1"`
    expect(await ours.register.metrics()).toContain(`\nrseq_info{${labels}} 1\n`)
  })

  test('everything that prom-client exports is there', () => {
    expect(Object.keys(ours)).toEqual(expect.arrayContaining(Object.keys(theirs)))
  })
})

describe('Pushgateway', () => {
  const received: unknown[] = []
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const { method, url, headers } = request
      const isZipped = headers['content-encoding'] === 'gzip'
      const body = Buffer.concat(pieces)
      received.push({ method, url, isZipped, body: (isZipped ? gunzipSync(body) : body).toString() })
      response.statusCode = url?.includes('refused') === true ? 400 : 202
      response.end('answer')
    })
  })
  beforeEach(
    () =>
      new Promise<void>((resolve) =>
        server.listen(0, '127.0.0.1', () => {
          resolve()
        }),
      ),
  )
  afterEach(() => {
    server.close()
  })

  test('pushes, adds, deletes, compresses, and says what was refused', () =>
    agree(async (client) => {
      received.length = 0
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/path`
      new client.Counter({ name: 'pushed', help: 'x' }).inc()
      const gateway = new client.Pushgateway(url, { headers: { 'Content-Encoding': 'gzip' } })
      const plain = new client.Pushgateway(url, { requireJobName: false })
      const answers = [
        await gateway.push({ jobName: 'job/1', groupings: { a: 'b c' } }),
        await gateway.pushAdd({ jobName: 'job' }),
        await plain.push({} as never),
      ].map(({ body }) => body)
      const refused = await gateway.push({ jobName: 'refused' }).catch((error: unknown) => String(error))
      const deleted = await gateway.delete({ jobName: 'job' })
      return [answers, refused, deleted.body, attempt(() => gateway.push({} as never)), [...received]]
    }))
})

describe('expositions after one another', () => {
  const STEPS = 60
  /** The lines of each exposition while series are added, updated, removed and reset. */
  async function expositions(client: Client, changesFormat: boolean): Promise<string[][]> {
    const { register } = client
    const counter = new client.Counter({ name: 'steps', help: 'x', labelNames: ['m', 's'] })
    const gauge = new client.Gauge({ name: 'level', help: 'x', labelNames: ['m'] })
    const values = [0, -0, 1, 0.5, NaN, Infinity, -Infinity, -1e21]
    const texts: string[][] = []
    let state = 1
    const below = (limit: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return (state >>> 16) % limit
    }
    for (let step = 0; step < STEPS; step++) {
      // The series of one step, of another, or none: what did not change is not written again.
      for (let k = below(3) * below(40); k > 0; k--) {
        counter.inc({ m: below(2), s: below(30) })
        gauge.set({ m: below(50) }, values[below(values.length)] as number)
      }
      if (below(4) === 0) counter.remove({ m: below(2), s: below(30) })
      if (below(4) === 0) gauge.remove({ m: below(50) })
      if (below(15) === 0) counter.reset()
      if (changesFormat && step === STEPS / 2)
        register.setContentType(client.Registry.OPENMETRICS_CONTENT_TYPE as never)
      // prom-client lists a series that was removed and came back behind the others, and writes `Nan` in OpenMetrics, too.
      texts.push((await register.metrics()).replaceAll(' Nan', ' NaN').split('\n').sort())
    }
    return texts
  }

  test('show every change, as those of prom-client do', () => agree((client) => expositions(client, false)))

  test('also when the format changes between two of them', () => agree((client) => expositions(client, true)))

  test('control: lines that are kept although a value has changed are found', async () => {
    const written = new WeakMap<object, string>()
    // eslint-disable-next-line @typescript-eslint/unbound-method -- it gets its object below
    const { write } = LineCache.prototype
    vi.spyOn(LineCache.prototype, 'write').mockImplementation(function (this: LineCache<object>, ...given) {
      const text = written.get(this) ?? write.apply(this, given)
      written.set(this, text)
      return text
    })
    const broken = await expositions(ours as unknown as Client, false)
    vi.restoreAllMocks()
    expect(broken).not.toEqual(await expositions(theirs, false))
  })
})

describe('registries that share a scope', () => {
  /** Two counters over the same numbers, as two threads have them. */
  const twins = (scope: string) =>
    [0, 1].map(() => {
      const registers = [new ours.Registry().share(scope)]
      return new ours.Counter({ name: 'twins_total', help: 'x', labelNames: ['m'], registers })
    }) as [InstanceType<typeof ours.Counter<'m'>>, InstanceType<typeof ours.Counter<'m'>>]
  const valuesOf = async (counter: InstanceType<typeof ours.Counter<'m'>>) =>
    Object.fromEntries(
      (await counter.get()).values.map(({ labels, value }) => [(labels as { m: string }).m, value]),
    )

  test('a series that one removed is back when the other one updates it', async () => {
    const [mine, other] = twins('removal')
    other.inc({ m: 'a' }, 3)
    other.inc({ m: 'b' }, 4)
    expect(await valuesOf(mine)).toEqual({ a: 3, b: 4 })
    mine.remove('a')
    expect(await valuesOf(mine)).toEqual({ b: 4 })
    other.inc({ m: 'a' })
    other.inc({ m: 'c' })
    expect(await valuesOf(mine)).toEqual({ a: 1, b: 4, c: 1 })
    mine.reset()
    expect(await valuesOf(mine)).toEqual({})
    other.inc({ m: 'b' })
    expect(await valuesOf(mine)).toEqual({ b: 1 })
  })

  test('an exposition looks at all slots and label sets only if there are new ones', async () => {
    const [mine, other] = twins('scans')
    other.inc({ m: 'a' })
    expect(await valuesOf(mine)).toEqual({ a: 1 })
    const scans = vi.spyOn(memory, 'keys')
    const merges = vi.spyOn(Children.prototype, 'find')
    expect(await valuesOf(mine)).toEqual({ a: 1 })
    expect([scans.mock.calls.length, merges.mock.calls.length]).toEqual([0, 0])
    other.inc({ m: 'b' })
    merges.mockClear()
    expect(await valuesOf(mine)).toEqual({ a: 1, b: 1 })
    expect([scans.mock.calls.length, merges.mock.calls.length]).toEqual([1, 1])
    vi.restoreAllMocks()
  })
})

describe('threads', () => {
  const program = fileURLToPath(new URL('support/programs/prom-threads.mjs', import.meta.url))
  const run = (input: object) => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [program, JSON.stringify(input)], {
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(status).toBe(0)
    return JSON.parse(stdout) as { text: string; after: string }
  }

  test.each([false, true])("every thread's updates are in one exposition (terminated: %s)", (terminate) => {
    const { text, after } = run({ workers: 3, adds: 20_000, terminate })
    expect(text).toContain('requests_total{method="GET",status="200"} 60000\n')
    expect(text).toContain('requests_total{method="POST",status="201"} 120000\n')
    expect(text).toContain('duration_seconds_count 60000\n')
    expect(text).toContain('duration_seconds_bucket{le="1"} 15000\n')
    for (const id of [0, 1, 2]) expect(text).toContain(`only_worker_${id} ${id}\n`)
    expect(text).toContain('size_bytes_count 3\n')
    expect(after).not.toContain('method="GET"')
    expect(after).toContain('method="POST"')
  })

  test('labels with names of properties of Object are in the exposition of who reads another registry', async () => {
    const [own, reader] = [new ours.Registry().share('names'), new ours.Registry().share('names')]
    const labelNames: string[] = ['a', '__proto__', 'constructor']
    const odd = new ours.Counter({ name: 'odd_total', help: 'Odd.', labelNames, registers: [own] })
    odd.labels('x', 'p', 'q').inc(1)
    odd.labels({ ['__proto__']: 'p' }).inc(2)
    odd.inc({ a: 'x' }, 3)
    odd.inc({}, 4)
    // The order is that of the slots, which a random hash chooses.
    const lines = (text: string): Set<string> =>
      new Set(text.split('\n').filter((line) => line.startsWith('odd_total')))
    expect(lines(await reader.metrics())).toEqual(
      new Set([
        'odd_total{__proto__="p",a="x",constructor="q"} 1',
        'odd_total{__proto__="p"} 2',
        'odd_total{a="x"} 3',
        'odd_total 4',
      ]),
    )
    own.clear()
  })

  test("control: metrics that threads do not share are not in another thread's exposition", () => {
    expect(run({ workers: 2, adds: 5, alone: true }).text).not.toContain('own_total')
  })
})
