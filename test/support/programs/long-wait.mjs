// Waits for a mutex that a worker has, with a clock that runs fast: `how` is "block" or "leave" (to the event loop).
import { Worker, isMainThread, workerData } from 'node:worker_threads'
import { Mutex } from '../../../lib/index.js'

if (isMainThread) {
  const { how } = JSON.parse(process.argv[2])
  const mutex = new Mutex()
  const steps = new Int32Array(new SharedArrayBuffer(8))
  const worker = new Worker(new URL(import.meta.url), { workerData: { buffer: mutex.buffer, steps } })
  if (Atomics.wait(steps, 0, 0, 100_000) === 'timed-out') throw new Error('the worker did not come')

  const release = () => {
    Atomics.store(steps, 1, 1)
    Atomics.notify(steps, 1)
  }
  // Each look at the clock is six seconds after the one before.
  const real = performance.now.bind(performance)
  let looks = 0
  performance.now = () => {
    // A thread that blocks looks for ever, and sees no warning.
    if (++looks === 20) release()
    return real() + 6000 * looks
  }
  const warnings = []
  if (how === 'block') {
    mutex.lock()
  } else {
    process.on('warning', ({ code, message }) => {
      warnings.push([code, message])
      release()
    })
    await mutex.lockAsync()
  }
  mutex.unlock()
  await worker.terminate()
  console.log(JSON.stringify({ warnings }))
} else {
  const { buffer, steps } = workerData
  const mutex = Mutex.from(buffer)
  mutex.lock()
  Atomics.store(steps, 0, 1)
  Atomics.notify(steps, 0)
  Atomics.wait(steps, 1, 0)
  mutex.unlock()
}
