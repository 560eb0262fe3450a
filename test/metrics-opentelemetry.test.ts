/** What OpenTelemetry's own readers and exporters make of the metrics that a producer hands over. */
import { once } from 'node:events'
import { type IncomingMessage, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { describe, expect, test } from 'vitest'
import { type OpenTelemetryProducer, defineMetrics } from '../lib/metrics/index.js'
import { Prometheus } from './support/prometheus.js'
import { isInstalled } from './support/toolchains.js'

const definition = defineMetrics({
  counters: {
    requests: {
      name: 'http.requests',
      help: 'Requests.',
      unit: '{request}',
      labels: ['route'],
      series: 5000,
    },
    seconds: { name: 'work_seconds_total', help: 'Work.', unit: 's', type: 'f64' },
  },
  gauges: { waiting: { name: 'jobs.waiting', help: 'Jobs.' } },
  histograms: {
    duration: { name: 'http.duration', help: 'Time.', unit: 's', buckets: [0.1, 1], labels: ['route'] },
    size: { name: 'http.size', help: 'Size.', unit: 'By', exponential: { schema: 1, least: 1, most: 1024 } },
  },
})

const NEVER = 2 ** 31 - 1

/** A reader that exports into memory when it is told to. */
function inMemory(producer: OpenTelemetryProducer, temporality = AggregationTemporality.CUMULATIVE) {
  const exporter = new InMemoryMetricExporter(temporality)
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: NEVER,
    metricProducers: [producer],
  })
  const provider = new MeterProvider({ readers: [reader] })
  const collect = async (): Promise<Record<string, MetricData>> => {
    exporter.reset()
    await reader.forceFlush()
    const all = exporter.getMetrics()[0]?.scopeMetrics.flatMap(({ metrics }) => metrics) ?? []
    return Object.fromEntries(all.map((data) => [data.descriptor.name, data]))
  }
  const scopes = () => exporter.getMetrics()[0]?.scopeMetrics.map(({ scope }) => scope)
  return { collect, scopes, provider }
}

const milliseconds = ([seconds, nanoseconds]: [number, number]): number => seconds * 1000 + nanoseconds / 1e6

test('a reader gets true histograms, units, descriptions, the scope, and times', async () => {
  const before = Date.now()
  const metrics = definition.create()
  const made = Date.now()
  const { collect, scopes, provider } = inMemory(
    metrics.openTelemetryProducer({ scope: 'shop', version: '1.2' }),
  )
  metrics.requests.labels({ route: '/' }).inc(3)
  metrics.seconds.inc(0.5)
  metrics.waiting.set(-2)
  for (const value of [0.05, 0.1, 0.5, 7]) metrics.duration.labels({ route: '/a' }).observe(value)
  const data = await collect()
  expect(scopes()).toEqual([{ name: 'shop', version: '1.2' }])
  expect(data['http.requests']).toMatchObject({
    descriptor: {
      name: 'http.requests',
      description: 'Requests.',
      unit: '{request}',
      type: 'COUNTER',
      valueType: 0,
    },
    isMonotonic: true,
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPoints: [{ attributes: { route: '/' }, value: 3 }],
  })
  expect(data['work_seconds_total']).toMatchObject({
    descriptor: { valueType: 1 },
    dataPoints: [{ value: 0.5 }],
  })
  expect(data['jobs.waiting']).toMatchObject({ dataPointType: 2, dataPoints: [{ value: -2 }] })
  expect(data['http.duration']).toMatchObject({
    dataPointType: 0,
    dataPoints: [
      {
        attributes: { route: '/a' },
        value: { count: 4, sum: 7.65, buckets: { boundaries: [0.1, 1], counts: [2, 1, 1] } },
      },
    ],
  })
  const { startTime, endTime } = data['http.requests']?.dataPoints[0] ?? {
    startTime: [0, 0],
    endTime: [0, 0],
  }
  expect(milliseconds(startTime)).toBeGreaterThanOrEqual(before)
  expect(milliseconds(startTime)).toBeLessThanOrEqual(made)
  expect(milliseconds(endTime)).toBeGreaterThanOrEqual(made)
  // A thread that opens the metrics says the same start.
  const other = inMemory(definition.open(metrics.buffer).openTelemetryProducer())
  const again = await other.collect()
  expect(again['http.requests']?.dataPoints[0]?.startTime).toEqual(startTime)
  await provider.shutdown()
  await other.provider.shutdown()
})

test('the buckets of an exponential histogram contain what was observed', async () => {
  const metrics = definition.create()
  const { collect, provider } = inMemory(metrics.openTelemetryProducer())
  const values = [0, 0.5, 1, 1.2, 3, 3, 100, 1000, 5000]
  for (const value of values) metrics.size.observe(value)
  const point = (await collect())['http.size']?.dataPoints[0]?.value as {
    count: number
    scale: number
    zeroCount: number
    positive: { offset: number; bucketCounts: number[] }
  }
  expect(point).toMatchObject({ count: values.length, scale: 1, zeroCount: 3 })
  const { scale, positive } = point
  for (const [k, count] of positive.bucketCounts.entries()) {
    const bound = (n: number): number => 2 ** (n / 2 ** scale)
    const [above, upTo] = [bound(positive.offset + k), bound(positive.offset + k + 1)]
    // All above the largest bound are in one bucket, the last.
    const isLast = k === positive.bucketCounts.length - 1
    const within = values.filter((value) => value > above * (1 + 1e-12) && (isLast || value <= upTo))
    expect(count).toBe(within.length)
  }
  expect(positive.bucketCounts.reduce((a, b) => a + b)).toBe(values.length - 3)
  await provider.shutdown()
})

test('deltas add up to the totals, and each begins where the one before ended', async () => {
  const metrics = definition.create()
  const producer = metrics.openTelemetryProducer({ temporality: 'delta' })
  const { collect, provider } = inMemory(producer, AggregationTemporality.DELTA)
  const seen = { requests: 0, seconds: 0, observed: 0, sum: 0 }
  let last: [number, number] | null = null
  for (let round = 1; round <= 4; round++) {
    metrics.requests.labels({ route: '/' }).inc(round)
    metrics.seconds.inc(0.25)
    metrics.waiting.set(round)
    for (let k = 0; k < round; k++) metrics.duration.labels({ route: '/' }).observe(0.5)
    const data = await collect()
    const [requests] = data['http.requests']?.dataPoints ?? []
    expect(data['http.requests']?.aggregationTemporality).toBe(AggregationTemporality.DELTA)
    expect(requests?.value).toBe(round)
    expect(data['jobs.waiting']?.dataPoints[0]?.value).toBe(round)
    if (last !== null) expect(requests?.startTime).toEqual(last)
    last = requests?.endTime ?? null
    const histogram = data['http.duration']?.dataPoints[0]?.value as { count: number; sum: number }
    seen.requests += requests?.value as number
    seen.seconds += data['work_seconds_total']?.dataPoints[0]?.value as number
    seen.observed += histogram.count
    seen.sum += histogram.sum
  }
  expect(seen).toEqual({ requests: 10, seconds: 1, observed: 10, sum: 5 })
  expect((await collect())['http.requests']?.dataPoints[0]?.value).toBe(0)
  await provider.shutdown()
})

test('no limit of OpenTelemetry loses series; its instruments lose them', async () => {
  const metrics = definition.create()
  for (let k = 0; k < 4000; k++) metrics.requests.labels({ route: k }).inc()
  const produced = inMemory(metrics.openTelemetryProducer())
  expect((await produced.collect())['http.requests']?.dataPoints).toHaveLength(4000)
  await produced.provider.shutdown()
  // The control: by observable instruments.
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: NEVER })
  const provider = new MeterProvider({ readers: [reader] })
  metrics.registerInOpenTelemetry(provider)
  await reader.forceFlush()
  const [all] = exporter.getMetrics()[0]?.scopeMetrics[0]?.metrics ?? []
  expect(all?.dataPoints.length).toBeLessThan(4000)
  await provider.shutdown()
})

test('a collector gets all by OTLP', async () => {
  const metrics = definition.create()
  const posted: unknown[] = []
  const collector = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      posted.push(JSON.parse(Buffer.concat(chunks).toString()))
      response.setHeader('content-type', 'application/json').end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(collector, 'listening')
  const { port } = collector.address() as AddressInfo
  const exporter = new OTLPMetricExporter({ url: `http://127.0.0.1:${port}/v1/metrics` })
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: NEVER,
    metricProducers: [metrics.openTelemetryProducer()],
  })
  const provider = new MeterProvider({ readers: [reader] })
  metrics.requests.labels({ route: '/' }).inc(2)
  metrics.size.observe(3)
  metrics.size.observe(3)
  metrics.duration.labels({ route: '/' }).observe(0.5)
  await reader.forceFlush()
  await provider.shutdown()
  collector.close()
  const [body] = posted as {
    resourceMetrics: { scopeMetrics: { scope: object; metrics: { name: string }[] }[] }[]
  }[]
  const [scope] = body?.resourceMetrics[0]?.scopeMetrics ?? []
  expect(scope?.scope).toMatchObject({ name: 'rseq' })
  const byName = Object.fromEntries((scope?.metrics ?? []).map((metric) => [metric.name, metric]))
  expect(byName['http.requests']).toMatchObject({
    unit: '{request}',
    sum: { isMonotonic: true, aggregationTemporality: 2, dataPoints: [{ asInt: 2 }] },
  })
  expect(byName['http.size']).toMatchObject({
    exponentialHistogram: {
      dataPoints: [{ count: 2, sum: 6, scale: 1, positive: { offset: 3, bucketCounts: [2] } }],
    },
  })
  expect(byName['http.duration']).toMatchObject({
    histogram: { dataPoints: [{ count: 1, bucketCounts: [0, 1, 0], explicitBounds: [0.1, 1] }] },
  })
})

describe.skipIf(!isInstalled('prometheus'))('a Prometheus server', () => {
  test('computes quantiles from what OpenTelemetry’s exporter says', async () => {
    const metrics = definition.create()
    const exporter = new PrometheusExporter({
      preventServerStart: true,
      metricProducers: [metrics.openTelemetryProducer({ exponential: 'explicit' })],
    })
    const provider = new MeterProvider({ readers: [exporter] })
    const server = createServer((request, response) => {
      exporter.getMetricsRequestHandler(request, response)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const prometheus = await Prometheus.start((server.address() as AddressInfo).port)
    try {
      for (let k = 1; k <= 100; k++) {
        metrics.size.observe(k)
        metrics.duration.labels({ route: '/' }).observe(k / 100)
      }
      const sizes = 'histogram_quantile(0.5, sum by (le) ({__name__=~"http_size.*_bucket"}))'
      const [size] = await prometheus.until(sizes, (samples) => samples.some(({ value }) => value > 0))
      // 32 are at or below 32 and 64 at or below 64: half of 100 is in the bucket of both.
      expect(size?.value).toBeGreaterThan(32)
      expect(size?.value).toBeLessThanOrEqual(64)
      const [duration] = await prometheus.query(
        'histogram_quantile(0.05, sum by (le) ({__name__=~"http_duration.*_bucket"}))',
      )
      expect(duration?.value).toBeCloseTo(0.05, 5)
    } finally {
      await prometheus.stop()
      server.close()
      await provider.shutdown()
    }
  })
})

test.each([
  [{ temporality: 'both' }, "temporality: expected 'cumulative' or 'delta', got 'both'"],
  [{ exponential: true }, 'exponential: expected'],
  [{ scope: 5 }, 'scope: expected a string, got 5'],
  [{ version: 5 }, 'version: expected a string, got 5'],
  [{ temporalty: 'delta' }, "did you mean 'temporality'?"],
])('the options %j are refused', (options, message) => {
  expect(() => definition.create().openTelemetryProducer(options as never)).toThrow(message)
})

test('a producer of metrics that were disposed of rejects', async () => {
  const metrics = definition.create()
  const producer = metrics.openTelemetryProducer()
  metrics[Symbol.dispose]()
  await expect(producer.collect()).rejects.toThrow()
})
