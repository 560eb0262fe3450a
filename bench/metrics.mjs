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

/** What the contenders' code names. */
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
