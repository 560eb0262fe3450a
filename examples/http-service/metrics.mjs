// What the service measures. Every thread imports this.
import { defineMetrics, processMetrics } from 'rseq/metrics'

export const service = defineMetrics({
  counters: {
    requests: {
      name: 'http_requests_total',
      help: 'Requests answered.',
      labels: { method: 'any', route: 'any', status: 'any' },
      series: 200,
    },
    bytes: { name: 'http_response_bytes_total', help: 'Bytes of the bodies sent.', labels: ['route'] },
    ...processMetrics.counters,
  },
  gauges: {
    // By thread: one that is terminated in the middle of a request leaves it at 1, and who takes its place sets it to 0.
    inFlight: {
      name: 'http_requests_in_flight',
      help: 'Requests that are being answered.',
      labels: ['thread'],
      series: 64,
      type: 'i64',
    },
    ...processMetrics.gauges,
  },
  histograms: {
    duration: {
      name: 'http_request_duration_seconds',
      help: 'Time to answer.',
      labels: ['route'],
      buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
    },
    ...processMetrics.histograms,
  },
})
