// A worker of smoke.mjs. For each job: says that it is there, waits for the start, adds, reports.
import { parentPort } from 'node:worker_threads'
import { PerCpuCounter } from '/app/lib/index.js'

/** Waited for here so that all begin at once; see crew.mjs for what the words mean. */
function awaitStart(signals) {
  Atomics.add(signals, 0, 1)
  Atomics.notify(signals, 0)
  Atomics.wait(signals, 1, 0)
}

parentPort.on('message', ({ buffer, delta, times, signals, confirmed, i }) => {
  const counter = PerCpuCounter.from(buffer)
  awaitStart(signals)
  for (let n = 0; n < times; n++) {
    counter.add(delta)
    // After the addition: what is confirmed is in the counter.
    Atomics.add(confirmed, i, 1)
  }
  parentPort.postMessage('done')
})
