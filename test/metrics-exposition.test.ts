/** What others read of metrics: promtool, a Prometheus server, prom-client and OpenTelemetry. */
import { readFileSync, readdirSync } from 'node:fs'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import express from 'express'
import { fastify } from 'fastify'
import { Gauge as PromGauge, Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { defineMetrics } from '../lib/metrics/index.js'
import { service } from './support/metrics-schema.mjs'
import { Prometheus, promtool } from './support/prometheus.js'
import { isInstalled } from './support/toolchains.js'

const SERIES = 10_000

/** Label values that a careless text would break on. */
const HOSTILE = [
  '',
  '"',
  '\\',
  '\n',
  '\r\n',
  '"} 1\nevil 1',
  '\\n',
  '\u0000',
  '\ud800',
  'é',
  '😀',
  '{}',
  '# EOF',
  ' ',
]

/** Metrics of the test's schema with something in all of them. */
function busyMetrics() {
  const metrics = service.create()
  for (const [k, route] of HOSTILE.entries()) metrics.requests.labels({ method: 'GET', route }).inc(k + 1)
  metrics.bytes.inc(2 ** 40)
  metrics.seconds.inc(0.1)
  metrics.inFlight.set(-3)
  metrics.temperature.labels({ room: 'cellar' }).set(11.5)
  for (let k = 0; k < 100; k++) metrics.duration.labels({ route: `/${k % 3}` }).observe(k / 50)
  for (let k = 0; k < 1000; k++) metrics.size.observe(k * k)
  return metrics
}

/** The samples of a text, by their name and labels. Knows no escapes: values are compared as they are written. */
function samplesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}

test('the text has every series once, in order, escaped', () => {
  const metrics = busyMetrics()
  const text = metrics.text()
  expect(text).toContain(
    [
      '# HELP http_request_duration_seconds Time to answer.',
      '# TYPE http_request_duration_seconds histogram',
    ].join('\n'),
  )
  expect(text).toContain('http_requests_total{method="GET",route="\\"} 1\\nevil 1"} 6\n')
  expect(text).toContain('http_requests_total{method="GET",route="\ufffd"} ')
  expect(text).toContain('\nhttp_response_bytes_total 1099511627776\n')
  expect(text).not.toContain('__overflow__')
  const open = metrics.text('openmetrics')
  expect(open).toContain('# TYPE http_requests counter\nhttp_requests_total{')
  expect(open).toContain('le="1.0"')
  expect(open.endsWith('# EOF\n')).toBe(true)
})

test('the overflow series is there once something is in it', () => {
  const metrics = service.create()
  for (let k = 0; k < 60; k++) metrics.requests.labels({ method: 'POST', route: `/${k}` }).inc()
  const overflow = 'http_requests_total{method="__overflow__",route="__overflow__"}'
  expect(samplesOf(metrics.text()).get(overflow)).toBe(20)
})

test('the pieces are the whole text, and many', async () => {
  const metrics = manySeries()
  const pieces: unknown[] = []
  for await (const piece of metrics.expose()) pieces.push(piece)
  expect(pieces.join('')).toBe(metrics.text())
  expect(pieces.length).toBeGreaterThan(10)
  expect(() => metrics.expose('xml' as never)).toThrow(RangeError)
})

function manySeries() {
  const definition = defineMetrics({
    counters: { many: { name: 'many_total', help: 'Many.', labels: ['a', 'b'], series: SERIES } },
  })
  const metrics = definition.create()
  for (let k = 0; k < SERIES; k++) metrics.many.labels({ a: k % 10, b: k }).inc(k)
  return metrics
}

type Handler = ReturnType<ReturnType<typeof busyMetrics>['handler']>

/** Each serves the metrics as its own documentation does it; returns the port and what ends it. */
const FRAMEWORKS: Record<string, (handler: Handler) => Promise<{ port: number; close: () => unknown }>> = {
  async 'node:http'(handler) {
    const server = createServer((request, response) => void handler(request, response)).listen(0)
    await once(server, 'listening')
    return { port: (server.address() as AddressInfo).port, close: () => server.close() }
  },
  async express(handler) {
    const server = express().get('/metrics', handler).listen(0)
    await once(server, 'listening')
    return { port: (server.address() as AddressInfo).port, close: () => server.close() }
  },
  async fastify(handler) {
    const server = fastify()
    server.get('/metrics', handler)
    await server.listen({ port: 0, host: '127.0.0.1' })
    return { port: (server.server.address() as AddressInfo).port, close: () => server.close() }
  },
}

test.each(Object.keys(FRAMEWORKS))(
  'under %s a client gets the format that it asks for',
  async (framework) => {
    const metrics = busyMetrics()
    const { port, close } = await (FRAMEWORKS[framework] as (typeof FRAMEWORKS)[string])(metrics.handler())
    const fetchText = async (accept: string) => {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { accept } })
      return { type: response.headers.get('content-type'), text: await response.text() }
    }
    expect(await fetchText('*/*')).toEqual({
      type: 'text/plain; version=0.0.4; charset=utf-8',
      text: metrics.text(),
    })
    const open = await fetchText('application/openmetrics-text;version=1.0.0,text/plain;q=0.5')
    expect(open.type).toMatch(/^application\/openmetrics-text/)
    expect(open.text).toBe(metrics.text('openmetrics'))
    // A client that disconnects early is not an error of the server.
    const request = get({ port, host: '127.0.0.1', path: '/metrics' }, (response) => response.destroy())
    await once(request, 'close')
    await close()
  },
)

test('a prom-client registry prints equal values', async () => {
  const metrics = busyMetrics()
  for (const type of [Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE] as const) {
    const registry = new Registry()
    registry.setContentType(type as never)
    metrics.registerInPromClient(registry)
    const theirs = samplesOf((await registry.metrics()).replaceAll(/le="([^"]*)",(.*?)}/g, '$2,le="$1"}'))
    const ours = samplesOf(
      metrics
        .text(type === Registry.PROMETHEUS_CONTENT_TYPE ? 'prometheus' : 'openmetrics')
        .replaceAll(/(le="\d+)\.0"/g, '$1"'),
    )
    expect(Object.fromEntries(theirs)).toEqual(Object.fromEntries(ours))
    expect(ours.size).toBeGreaterThan(40)
    registry.resetMetrics()
    expect(metrics.bytes.value).toBe(2 ** 40)
  }
})

test('a prom-client registry that refuses one metric has none of them', async () => {
  const metrics = defineMetrics({
    counters: { a: { name: 'a_total', help: 'A.' }, b: { name: 'b_total', help: 'B.' } },
    gauges: { c: { help: 'C.' } },
  }).create()
  const registry = new Registry()
  const namesOf = (): string[] => registry.getMetricsAsArray().map(({ name }) => name)
  const theirs = new PromGauge({ name: 'c', help: 'Theirs.', registers: [registry] })
  expect(() => {
    metrics.registerInPromClient(registry)
  }).toThrow('c has already been registered')
  expect(namesOf()).toEqual(['c'])
  expect(registry.getSingleMetric('c')).toBe(theirs)
  registry.removeSingleMetric('c')
  metrics.registerInPromClient(registry)
  expect(namesOf()).toEqual(['a_total', 'b_total', 'c'])
  // A second time they are refused, and the first ones stay.
  expect(() => {
    metrics.registerInPromClient(registry)
  }).toThrow('a_total has already been registered')
  expect(namesOf()).toEqual(['a_total', 'b_total', 'c'])
  expect(samplesOf(await registry.metrics()).size).toBe(3)
})

test.each([null, undefined, 5, 'register', {}, { registerMetric: () => undefined }])(
  'values that are neither a registry nor a provider are refused: %o',
  (other) => {
    const metrics = service.create()
    expect(() => {
      metrics.registerInPromClient(other as never)
    }).toThrow("registry: expected prom-client's Registry, such as its register, got ")
    expect(() => {
      metrics.registerInOpenTelemetry(other as never)
    }).toThrow("provider: expected OpenTelemetry's MeterProvider, got ")
    expect(() => {
      metrics.registerInOpenTelemetry(new MeterProvider(), 5 as never)
    }).toThrow('meterName: expected a string, got 5')
  },
)

test('a metric that is absent at 0 comes and goes', () => {
  const metrics = defineMetrics({
    gauges: {
      a: { help: '', absentAtZero: true },
      b: { help: '', labels: { x: ['1', '2'] }, absentAtZero: true },
    },
    histograms: { c: { help: '', buckets: [1], absentAtZero: true } },
  }).create()
  expect(samplesOf(metrics.text()).size).toBe(0)
  metrics.a.set(5)
  metrics.b.labels({ x: '2' }).set(-1)
  metrics.c.observe(0)
  expect([...samplesOf(metrics.text()).keys()]).toEqual([
    'a',
    'b{x="2"}',
    'c_bucket{le="1"}',
    'c_bucket{le="+Inf"}',
    'c_sum',
    'c_count',
  ])
  metrics.a.set(0)
  expect(samplesOf(metrics.text()).has('a')).toBe(false)
})

test('OpenTelemetry exports equal values', async () => {
  const metrics = busyMetrics()
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 31 - 1 })
  const provider = new MeterProvider({ readers: [reader] })
  metrics.registerInOpenTelemetry(provider)
  await reader.forceFlush()
  const exported = new Map<string, number>()
  for (const { descriptor, dataPoints } of exporter.getMetrics()[0]?.scopeMetrics[0]?.metrics ?? []) {
    for (const { attributes, value } of dataPoints) {
      const labels = Object.entries(attributes).map(([name, text]) => `${name}=${JSON.stringify(text)}`)
      exported.set(`${descriptor.name.replace('.', '_')} ${labels.sort().join()}`, value as number)
    }
  }
  await provider.shutdown()
  const registry = new Registry()
  metrics.registerInPromClient(registry)
  const expected = new Map<string, number>()
  for (const { name, values } of await registry.getMetricsAsJSON()) {
    for (const { labels, value, metricName } of values as {
      labels: Record<string, unknown>
      value: number
      metricName?: string
    }[]) {
      const texts = Object.entries(labels).map(([label, text]) => `${label}=${JSON.stringify(String(text))}`)
      expected.set(`${metricName ?? name} ${texts.sort().join()}`, value)
    }
  }
  expect(Object.fromEntries(exported)).toEqual(Object.fromEntries(expected))
  expect(exported.size).toBeGreaterThan(40)
})

test('rseq/metrics loads nothing but this package and Node', () => {
  const folder = join(import.meta.dirname, '..', 'lib', 'metrics')
  const sources = readdirSync(folder).filter((name) => name.endsWith('.js'))
  const imported = sources.flatMap((name) =>
    [...readFileSync(join(folder, name), 'utf8').matchAll(/(?:from|import\() ?'([^']+)'/g)].map(
      (match) => match[1],
    ),
  )
  expect(imported.length).toBeGreaterThan(20)
  expect(imported.filter((name) => !/^(\.|node:)/.test(name ?? ''))).toEqual([])
})

describe.skipIf(!isInstalled('promtool'))('promtool', () => {
  test('accepts all label values', () => {
    expect(promtool(busyMetrics().text())).toBe('')
  })

  test('reads 10,000 series', () => {
    expect(promtool(manySeries().text())).toBe('')
  })

  test('would say so', () => {
    expect(promtool(manySeries().text().replace('{', '{{'))).toMatch(/status 1: /)
  })
})

describe.skipIf(!isInstalled('prometheus'))('a Prometheus server', () => {
  test('scrapes every value, native histograms too', async () => {
    const metrics = busyMetrics()
    const handle = metrics.handler()
    const server = createServer((request, response) => void handle(request, response)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const prometheus = await Prometheus.start((server.address() as { port: number }).port)
    try {
      const routes = await prometheus.until('http_requests_total', (samples) => samples.length > 0)
      const byRoute = new Map(routes.map(({ labels, value }) => [labels['route'] ?? '', value]))
      // Two of the hostile values cannot be said in UTF-8, and are one series.
      const said = HOSTILE.map((route) => (/[\0\ud800]/.test(route) ? '\ufffd' : route))
      const expected = new Map<string, number>()
      for (const [k, route] of said.entries()) expected.set(route, (expected.get(route) ?? 0) + k + 1)
      expect(byRoute).toEqual(expected)
      const [rest] = await prometheus.query('http_response_bytes_total + on() http_requests_in_flight')
      expect(rest?.value).toBe(2 ** 40 - 3)
      const durations = await prometheus.query('sum(http_request_duration_seconds_count)')
      expect(durations[0]?.value).toBe(100)
      const [count] = await prometheus.query('histogram_count(http_request_size_bytes)')
      expect(count?.value).toBe(1000)
      const [sum] = await prometheus.query('histogram_sum(http_request_size_bytes)')
      expect(sum?.value).toBe(metrics.size.value.sum)
      // Of the squares up to 999 squared, those up to 1024 are in buckets: half of those are below 15.5 squared.
      const [below] = await prometheus.query('histogram_fraction(-Inf, 256, http_request_size_bytes)')
      expect(below?.value).toBeCloseTo(17 / 1000, 3)
    } finally {
      await prometheus.stop()
      server.close()
    }
  })
})
