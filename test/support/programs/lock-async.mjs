// Waits for a mutex that an unreferenced worker has: nothing but the waiting keeps the process running.
import { Worker, isMainThread, workerData } from 'node:worker_threads'
import { Mutex } from '../../../lib/index.js'

if (isMainThread) {
  const mutex = new Mutex()
  const held = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(new URL(import.meta.url), { workerData: { buffer: mutex.buffer, held } })
  worker.unref()
  if (Atomics.wait(held, 0, 0, 100_000) === 'timed-out') throw new Error('the worker did not come')
  await mutex.lockAsync()
  console.log(JSON.stringify({ locked: true }))
} else {
  const { buffer, held } = workerData
  const mutex = Mutex.from(buffer)
  mutex.lock()
  Atomics.store(held, 0, 1)
  Atomics.notify(held, 0)
  // Longer than several looks of the waiting task.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  mutex.unlock()
}
