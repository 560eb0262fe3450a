// Counters, histograms and a ring of other packages, used as their documentation shows.
import { createRequire } from 'node:module'
import { manyPromSeries } from './metrics.mjs'

// The packages are CommonJS. Only a thread that measures a package loads it.
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

/** A cache of this thread with the keys and values of the map in `scope.mjs`. */
export function lruCache({ keys, content }) {
  const { LRUCache } = require('lru-cache')
  const peer = new LRUCache({ max: 2 * keys.length })
  for (const key of keys) peer.set(key, content.slice())
  return { peer }
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
  // The package counts only if a reader is registered. This reader never reads.
  const reader = new sdk.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 31 - 1 })
  const provider = new sdk.MeterProvider({ readers: [reader] })
  return { peer: provider.getMeter('bench').createCounter('requests') }
}
