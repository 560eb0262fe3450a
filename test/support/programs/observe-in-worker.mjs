// Observes the process in a worker only, with `options`; prints the text, and when the process started.
import { Worker, isMainThread, workerData } from 'node:worker_threads'
import { defineMetrics, observeProcess, processMetrics } from '../../../lib/metrics/index.js'

if (isMainThread) {
  const { options } = JSON.parse(process.argv[2])
  const start = performance.timeOrigin / 1000
  new Worker(new URL(import.meta.url), { workerData: { options, start } })
} else {
  const { options, start } = workerData
  const metrics = defineMetrics(processMetrics).create()
  observeProcess(metrics, options)()
  console.log(JSON.stringify({ text: metrics.text(), start }))
}
