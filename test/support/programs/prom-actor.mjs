// A process that shares the metrics of rseq/prom-client, or asks its cluster's workers, and does what its parent asks for, by
// messages: {id, call, input}. As the primary of a cluster, it keeps workers that run the same program.
import cluster from 'node:cluster'
import { openSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import client from '../../../lib/prom-client/index.js'
import { mapFile } from '../../../lib/runtime/mapping.js'
import { openShared } from '../../../lib/shared/index.js'
import { answerCalls } from './answer-calls.mjs'

/** Int32 words that the parent sees, whatever becomes of this process. */
function notes(directory, path) {
  openShared('notes', { directory })
  return new Int32Array(mapFile(openSync(path, 'r+'), path, 4096, 1))
}

let metrics

/** The metrics of a service, made as in any program of prom-client. */
function make() {
  metrics ??= {
    requests: new client.Counter({ name: 'requests_total', help: 'Requests.', labelNames: ['kind'] }),
    seconds: new client.Counter({ name: 'seconds_total', help: 'Seconds.' }),
    latency: new client.Histogram({
      name: 'latency',
      help: 'Latency.',
      labelNames: ['kind'],
      buckets: [1, 2],
    }),
    size: new client.Summary({ name: 'size', help: 'Size.' }),
    ...Object.fromEntries(
      ['sum', 'max', 'min', 'average', 'first', 'omit', 'process'].map((aggregator) => [
        aggregator,
        new client.Gauge({ name: `gauge_${aggregator}`, help: 'A gauge.', labelNames: ['of'], aggregator }),
      ]),
    ),
  }
  return metrics
}

/** Counts for ever, and notes each event after it was counted. */
function countForEver({ directory, path, place }) {
  const noted = notes(directory, path)
  const { requests, seconds, latency, size } = make()
  const step = () => {
    for (let i = 0; i < 100; i++) {
      const kind = ['a', 'b'][i % 2]
      requests.inc({ kind })
      seconds.inc(0.5)
      latency.observe({ kind }, 1.5)
      size.observe(3)
      noted[place]++
    }
    setImmediate(step)
  }
  step()
}

const workers = new Map()

function start(input) {
  workers.set(input.place, { worker: cluster.fork({ PROM_WORKER: JSON.stringify(input) }), input })
}

const calls = {
  share: ({ name, options }) => client.share(name, options),
  /** Sets all gauges of this process to a value. */
  set({ value, label = 'x' }) {
    const all = Object.values(make())
    make().requests.inc({ kind: 'set' })
    for (const gauge of all.filter((one) => one instanceof client.Gauge)) gauge.set({ of: label }, value)
  },
  inc({ kind, by }) {
    make().requests.inc({ kind }, by)
  },
  remove: ({ kind }) => make().requests.remove({ kind }),
  removeGauge: ({ label }) => make().sum.remove({ of: label }),
  /** Makes a gauge whose `collect()` never comes back, and one that counts how often it was collected. */
  hang() {
    new client.Gauge({ name: 'hangs', help: 'Hangs.', collect: () => new Promise(() => undefined) })
    const going = new client.Gauge({ name: 'going_on', help: 'Goes on.', collect: () => going.inc() })
  },
  clear: () => client.register.clear(),
  /** Registers a metric as another release of the program might. */
  release: ({ buckets, labelNames }) => {
    new client.Histogram({ name: 'changed', help: 'Changed.', buckets }).observe(1)
    new client.Counter({ name: 'relabelled_total', help: 'Relabelled.', labelNames }).inc(
      Object.fromEntries(labelNames.map((name) => [name, 'x'])),
    )
  },
  defaults: () => client.collectDefaultMetrics(),
  text: () => client.register.metrics(),
  json: () => client.register.getMetricsAsJSON(),
  cluster: () => new client.AggregatorRegistry().clusterMetrics(),
  countForEver,
  async thread({ by }) {
    const code = `
      import { workerData } from 'node:worker_threads'
      const { default: client } = await import(workerData.url)
      new client.Counter({ name: 'requests_total', help: 'Requests.', labelNames: ['kind'] }).inc({ kind: 'thread' }, workerData.by)
      new client.Gauge({ name: 'gauge_sum', help: 'A gauge.', labelNames: ['of'] }).inc({ of: 'thread' }, workerData.by)`
    const url = new URL('../../../lib/prom-client/index.js', import.meta.url).href
    const module = new URL(`data:text/javascript,${encodeURIComponent(code)}`)
    const worker = new Worker(module, { workerData: { url, by } })
    await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
  },
  /** Starts workers of a cluster that count for ever, each with a place for its notes. */
  fork({ count, directory, path }) {
    for (let place = 0; place < count; place++) start({ directory, path, place })
  },
  /** Kills the worker with a place and starts another one in its place. */
  async replace({ place }) {
    const { worker, input } = workers.get(place)
    const ended = new Promise((resolve) => worker.process.once('exit', resolve))
    worker.process.kill('SIGKILL')
    await ended
    start(input)
  },
  /** Kills all workers. */
  async stop() {
    const ended = [...workers.values()].map(
      ({ worker }) => new Promise((resolve) => worker.process.once('exit', resolve)),
    )
    for (const { worker } of workers.values()) worker.process.kill('SIGKILL')
    await Promise.all(ended)
  },
}

if (cluster.isWorker) {
  new client.AggregatorRegistry()
  countForEver(JSON.parse(process.env.PROM_WORKER))
} else {
  answerCalls(calls)
}
