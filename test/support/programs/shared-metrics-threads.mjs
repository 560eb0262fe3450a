// A thread of the process opens metrics of a service by their buffer, in whatever backend the environment says; prints both texts.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { backend } from '../../../lib/runtime/backend.js'
import { defineMetrics } from '../../../lib/metrics/index.js'
import { openShared } from '../../../lib/shared/index.js'

const definition = defineMetrics({
  counters: { requests: { help: 'Requests.', labels: ['route'] } },
  gauges: { queued: { help: 'Jobs that wait.', type: 'i64' } },
})

if (isMainThread) {
  const metrics = openShared('shop', { directory: JSON.parse(process.argv[2]) }).metrics('web', definition)
  metrics.queued.set(1)
  const worker = new Worker(new URL(import.meta.url), { workerData: metrics.buffer })
  worker.once('message', (theirs) => {
    console.log(JSON.stringify({ backend: backend.name, theirs, ours: metrics.text() }))
  })
} else {
  const metrics = definition.open(workerData)
  metrics.queued.inc(2)
  metrics.batch(metrics.requests.labels({ route: '/' }), metrics.queued).commit(1, 4)
  parentPort.postMessage(metrics.text())
}
