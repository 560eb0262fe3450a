// A Worker starts a Worker, and is terminated; prints the numbers of their threads in the table of owners, negated at
// their end, before and after that. The main thread's is 1.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { Mutex } from '../../../lib/index.js'
import { table } from '../../../lib/portable/threads.js'

const HEAD = 4
const ROW = 8
const THREAD = 2
const ROWS = 4

// Whatever the backend, a thread that uses a mutex is listed.
new Mutex().lock()

const start = (depth) => new Worker(new URL(import.meta.url), { workerData: depth })
const threads = () => Array.from({ length: ROWS }, (_, row) => table[HEAD + ROW * row + THREAD])

if (isMainThread) {
  const worker = start(1)
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  const before = threads()
  await worker.terminate()
  console.log(JSON.stringify({ before, after: threads() }))
} else if (workerData === 1) {
  const worker = start(2)
  worker.once('message', () => parentPort.postMessage(null))
} else {
  parentPort.postMessage(null)
  setInterval(() => undefined, 1000)
}
