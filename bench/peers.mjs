// Counters of other packages, made as their documentation shows. Both count in one thread only.
import { createRequire } from 'node:module'
import { manyPromSeries } from './metrics.mjs'

// Both are CommonJS, and loaded only by the thread that measures them.
const require = createRequire(import.meta.url)

export function promCounter() {
  const { Counter } = require('prom-client')
  const options = { help: 'requests', registers: [] }
  return {
    peer: new Counter({ name: 'plain', ...options }),
    labelled: new Counter({ name: 'labelled', labelNames: ['method', 'status'], ...options }),
  }
}

export function promHistogram() {
  const { Histogram } = require('prom-client')
  const options = { help: 'seconds', registers: [], labelNames: ['route'] }
  return { peer: new Histogram({ name: 'seconds', ...options }).labels({ route: '/' }) }
}

export function promRegistry() {
  return manyPromSeries(require('prom-client'))
}

export function nodeHistogram() {
  return { peer: require('node:perf_hooks').createHistogram() }
}

export function hdrHistogram() {
  return { peer: require('hdr-histogram-js').build({ numberOfSignificantValueDigits: 2 }) }
}

export function ringBuffer() {
  const { RingBuffer } = require('ringbuf.js')
  const storage = RingBuffer.getStorageForCapacity(1 << 16, Uint8Array)
  return { peer: new RingBuffer(storage, Uint8Array), into: new Uint8Array(64) }
}

export function meterCounter() {
  const sdk = require('@opentelemetry/sdk-metrics')
  const exporter = new sdk.InMemoryMetricExporter(sdk.AggregationTemporality.CUMULATIVE)
  // Without a reader nothing would be counted; this one never reads.
  const reader = new sdk.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 31 - 1 })
  const provider = new sdk.MeterProvider({ readers: [reader] })
  return { peer: provider.getMeter('bench').createCounter('requests') }
}
