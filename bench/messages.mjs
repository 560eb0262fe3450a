// A worker that receives messages, and counts them where the sender can wait for it.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'

/** What `peer` is in a contender's code: `send` posts a message, `settle` blocks until all of them have arrived. */
export function postBox() {
  const received = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(new URL(import.meta.url), { workerData: { postBox: received } })
  worker.unref()
  let sent = 0
  const send = (message) => {
    sent = (sent + 1) | 0
    worker.postMessage(message)
  }
  const settle = () => {
    for (let seen; (seen = Atomics.load(received, 0)) !== sent;) Atomics.wait(received, 0, seen)
  }
  return { peer: { send, settle } }
}

if (!isMainThread && workerData?.postBox !== undefined) {
  const received = workerData.postBox
  parentPort.on('message', () => {
    Atomics.add(received, 0, 1)
    Atomics.notify(received, 0)
  })
}
