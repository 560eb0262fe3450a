// The metrics that the benchmark updates, as a service would declare them.
import { defineMetrics } from '../lib/metrics/index.js'

const UNLABELLED = ['a', 'b', 'c', 'd', 'e', 'f']

export const definition = defineMetrics({
  counters: {
    requests: { help: 'Requests.', labels: ['method', 'status'] },
    ...Object.fromEntries(UNLABELLED.map((key) => [key, { help: 'Something.' }])),
  },
  gauges: { inFlight: { help: 'Requests in flight.' } },
  histograms: { duration: { help: 'Seconds.', labels: ['route'] } },
})

const SERIES = 10_000
const LABELS = Array.from({ length: SERIES }, (_, k) => ({ method: 'GET', route: `/route/${k}` }))

/** Makes metrics with one counter of SERIES series. */
export function manySeries() {
  const counters = {
    many: { name: 'many_total', help: 'Many.', labels: ['method', 'route'], series: SERIES },
  }
  const metrics = defineMetrics({ counters }).create()
  for (const labels of LABELS) metrics.many.labels(labels).inc()
  return { peer: metrics }
}

/** Makes the corresponding metrics in a registry of prom-client. */
export function manyPromSeries({ Counter, Registry }) {
  const registry = new Registry()
  const labelNames = ['method', 'route']
  const many = new Counter({ name: 'many_total', help: 'Many.', labelNames, registers: [registry] })
  for (const labels of LABELS) many.inc(labels)
  return { peer: registry }
}

/** Returns the variables of the contenders' code. */
export function openMetrics(buffer) {
  const metrics = definition.open(buffer)
  const { requests, duration, inFlight } = metrics
  const series = requests.labels({ method: 'GET', status: 200 })
  const route = duration.labels({ route: '/' })
  const six = UNLABELLED.map((key) => metrics[key])
  return {
    ...{ requests, series, route, inFlight },
    ofCounters: metrics.batch(series, requests.labels({ method: 'GET', status: 404 }), ...six),
    ofAllKinds: metrics.batch(series, ...six.slice(0, 5), inFlight, route),
  }
}
