// Threads that register the same metrics and update them; the main thread prints what it sees, as JSON.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import client from '../../../lib/prom-client/index.js'

const labelNames = ['method', 'status']
const requests = new client.Counter({ name: 'requests_total', help: 'Requests.', labelNames })
const duration = new client.Histogram({ name: 'duration_seconds', help: 'Time.', buckets: [1, 2, 4] })
const input = isMainThread ? JSON.parse(process.argv[2]) : workerData

/** Updates every metric `adds` times. */
function work({ adds, id }) {
  const held = requests.labels('POST', '201')
  for (let k = 0; k < adds; k++) {
    requests.inc({ method: 'GET', status: 200 })
    held.inc(2)
    duration.observe(k % 8)
  }
  new client.Gauge({
    name: `only_worker_${id}`,
    help: 'A metric that the main thread does not register.',
  }).set(id)
  new client.Summary({ name: 'size_bytes', help: 'Sizes.' }).observe(100)
}

if (isMainThread) {
  const start = (data) => new Worker(new URL(import.meta.url), { workerData: data })
  const workers = Array.from({ length: input.workers }, (_, id) => start({ ...input, id }))
  const ends = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)))
  if (input.terminate) {
    await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
  await Promise.all(ends)
  const text = await client.register.metrics()
  const removed = requests.remove('GET', '200')
  console.log(JSON.stringify({ text, removed, after: await client.register.metrics() }))
} else if (input.terminate) {
  work(input)
  parentPort.postMessage('counted')
  setInterval(() => {}, 1000)
} else if (input.alone) {
  // The control: what each thread counts in metrics of its own is not in the main thread's text.
  const own = new client.Counter({ name: 'own_total', help: 'x', shared: false })
  own.inc(input.adds)
} else {
  work(input)
}
