// Measures the CPU time that messages to a worker cost the sender and the receiver.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { limits } from './limits.mjs'

/** Positions in the shared memory: the number of the receiver's answers, and (as a double) its CPU time at the last answer. */
const ANSWERS = 0
const TIME = 1
const BYTES = 16

/** Milliseconds after which an idle worker has fallen asleep. */
const REST_MS = 0.03

class PostBox {
  #worker
  #answers
  #times

  constructor() {
    const shared = new SharedArrayBuffer(BYTES)
    this.#worker = new Worker(new URL(import.meta.url), { workerData: { postBox: shared } })
    this.#worker.unref()
    this.#answers = new Int32Array(shared)
    this.#times = new Float64Array(shared)
    this.settle() // The start of the worker is not part of a message's cost.
  }

  send(message) {
    this.#worker.postMessage(message)
  }

  /** Blocks until all messages have arrived. Returns the CPU time that the receiver has used so far, in nanoseconds. */
  settle() {
    const answers = this.#answers[ANSWERS]
    this.send(null)
    Atomics.wait(this.#answers, ANSWERS, answers)
    return this.#times[TIME]
  }

  /** Returns the CPU time of both threads for `n` messages, sent 64 at a time. */
  timeOfRows(message, n) {
    const start = limits.threadTime() + this.settle()
    for (let sent = 0; sent < n; sent++) {
      if (sent % 64 === 0) this.settle()
      this.send(message)
    }
    return this.settle() + limits.threadTime() - start
  }

  /** Returns the CPU time of the sender for `n` messages, each of which wakes the receiver. */
  timeOfEach(message, n) {
    let time = 0
    for (let sent = 0; sent < n; sent++) {
      this.settle()
      for (const end = performance.now() + REST_MS; performance.now() < end;);
      const before = limits.threadTime()
      const start = limits.threadTime()
      this.send(message)
      const end = limits.threadTime()
      // Subtracts the time that reading the clock takes.
      time += end - start - (start - before)
    }
    return time
  }
}

/** Makes the variable `peer` of the contenders' code. */
export function postBox() {
  return { peer: new PostBox() }
}

if (!isMainThread && workerData?.postBox !== undefined) {
  const answers = new Int32Array(workerData.postBox)
  const times = new Float64Array(workerData.postBox)
  parentPort.on('message', (message) => {
    if (message !== null) return
    times[TIME] = limits.threadTime()
    Atomics.add(answers, ANSWERS, 1)
    Atomics.notify(answers, ANSWERS)
  })
}
