// Terminates Workers that deflate with node:zlib, and nothing of this package. Node ends the process by its own assertion,
// `init_done_ && "close before init"`: a thread may be terminated after it made a stream's handle and before it initializes it.
// Usage: node terminated-deflate.mjs [WORKERS]
import { Worker, isMainThread, workerData } from 'node:worker_threads'
import { deflateSync } from 'node:zlib'

const LANES = 3
const MOST_TURNS = 30

async function terminateOne() {
  const signal = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(new URL(import.meta.url), { workerData: signal })
  await Atomics.waitAsync(signal, 0, 0).value
  for (let turns = Math.random() * MOST_TURNS; turns > 0; turns--) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  await worker.terminate()
}

if (isMainThread) {
  let left = Number(process.argv[2] ?? 600)
  const lane = async () => {
    while (left-- > 0) await terminateOne()
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  console.log('the process lives')
} else {
  Atomics.store(workerData, 0, 1)
  Atomics.notify(workerData, 0)
  for (const bytes = Buffer.alloc(2000, 'abc'); ;) deflateSync(bytes)
}
