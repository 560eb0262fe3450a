/** How metrics look to console.log, JSON.stringify and in a string. */
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { defineMetrics } from '../../lib/metrics/index.js'

const definition = defineMetrics({
  counters: {
    requests: { help: 'Requests.', labels: ['method', 'route'], series: 3 },
    bytes: { help: 'Bytes.' },
  },
  gauges: { queued: { name: 'jobs_queued', help: 'Jobs.' } },
  histograms: { wait: { help: 'Seconds.', buckets: [1, 2] } },
})

function busy() {
  const metrics = definition.create()
  metrics.requests.labels({ method: 'GET', route: '/"' }).inc(3)
  metrics.bytes.inc(2 ** 40)
  metrics.queued.set(-0.5)
  metrics.wait.observe(1.5)
  return metrics
}

const WAIT = { count: 1, sum: 1.5, bounds: [1, 2], counts: [0, 1, 0] }

test('inspect() shows the values', () => {
  const metrics = busy()
  expect(inspect(metrics.bytes)).toBe('Counter { value: 1099511627776 }')
  expect(inspect(metrics.queued)).toBe('Gauge { value: -0.5 }')
  expect(inspect(metrics.wait)).toBe(
    'Histogram { count: 1, sum: 1.5, bounds: [ 1, 2 ], counts: [ 0, 1, 0 ] }',
  )
  expect(inspect(metrics.requests)).toBe(
    `Labelled(requests) Map(1) { '{method="GET",route="/\\\\""}' => Counter { value: 3 } }`,
  )
  const all = inspect(metrics)
  for (const text of ['Metrics {', 'requests: Labelled(requests)', 'bytes: Counter', 'wait: Histogram']) {
    expect(all).toContain(text)
  }
  expect(all).not.toContain('SharedArrayBuffer')
  expect(inspect([[[[metrics.bytes]]]])).toContain('[Array]')
  expect(inspect([[[metrics.bytes]]])).toContain('[Counter]')
  expect(inspect({ a: metrics }, { depth: 0 })).toBe('{ a: [Metrics] }')
  expect(inspect(metrics.batch(metrics.bytes, metrics.wait))).toBe('MetricsBatch { instruments: 2 }')
  expect(inspect(definition)).toContain("'counter requests{method,route}'")
})

test('JSON has the values', () => {
  const metrics = busy()
  expect(JSON.parse(JSON.stringify(metrics))).toEqual({
    requests: [{ labels: { method: 'GET', route: '/"' }, value: 3 }],
    bytes: 2 ** 40,
    queued: -0.5,
    wait: WAIT,
  })
  expect(JSON.stringify({ n: metrics.bytes })).toBe(`{"n":${2 ** 40}}`)
  expect(JSON.stringify(metrics.batch(metrics.bytes))).toBe('{"instruments":1}')
  expect(JSON.parse(JSON.stringify(definition))).toEqual({
    metrics: ['counter requests{method,route}', 'counter bytes', 'gauge jobs_queued', 'histogram wait'],
  })
})

test('strings have the values', () => {
  const metrics = busy()
  expect(String(metrics.bytes)).toBe('1099511627776')
  expect(String(metrics.queued)).toBe('-0.5')
  expect(String(metrics.wait)).toBe('count 1, sum 1.5')
  expect(String(metrics.requests)).toBe('{method="GET",route="/\\""} 3')
  expect(String(metrics)).toBe(metrics.text())
  expect(String(definition)).toBe(
    'counter requests{method,route}\ncounter bytes\ngauge jobs_queued\nhistogram wait',
  )
  expect(String(metrics.batch(metrics.bytes))).toBe('batch of 1 instruments')
})

test('a metric with labels lists its series, the overflow series too', () => {
  const { requests } = busy()
  for (let k = 0; k < 5; k++) requests.labels({ method: 'POST', route: k }).inc(k)
  const all = new Map(
    [...requests].map(([labels, series]) => [`${labels['method']} ${labels['route']}`, series]),
  )
  expect(all.size).toBe(4)
  expect(all.get('POST 1')).toBe(requests.labels({ method: 'POST', route: '1' }))
  expect(all.get('__overflow__ __overflow__')?.value).toBe(2 + 3 + 4)
})
