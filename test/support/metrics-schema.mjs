// The schema that metrics tests share with their workers.
import { defineMetrics } from '../../lib/metrics/index.js'

export const service = defineMetrics({
  counters: {
    requests: {
      name: 'http_requests_total',
      help: 'Requests answered.',
      labels: { method: ['GET', 'POST'], route: 'any' },
      series: 40,
    },
    bytes: { name: 'http_response_bytes_total', help: 'Bytes sent.' },
    seconds: { name: 'work_seconds_total', help: 'Time spent.', type: 'f64' },
  },
  gauges: {
    inFlight: { name: 'http_requests_in_flight', help: 'Requests being answered.', type: 'i64' },
    temperature: { name: 'room_temperature_celsius', help: 'Warmth.', labels: ['room'] },
  },
  histograms: {
    duration: {
      name: 'http_request_duration_seconds',
      help: 'Time to answer.',
      labels: ['route'],
      buckets: [0.01, 0.1, 1],
    },
    size: {
      name: 'http_request_size_bytes',
      help: 'Bytes received.',
      exponential: { schema: 1, least: 1, most: 1024 },
    },
  },
})
