// Workers that do one job after the other: starting them is most of what an emulated machine would do.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

export class Crew {
  /** An error in a worker ends the process: nothing here waits for one that will not answer. */
  constructor(size) {
    this.workers = Array.from(
      { length: size },
      () => new Worker(new URL('smoke-worker.mjs', import.meta.url)),
    )
  }

  /**
   * Gives all of them the job of adding `delta` `times` times, and waits until they stand at the start.
   *
   * @returns `start()`, the promise `done`, and `additions()`: how many are confirmed so far.
   */
  async prepare(counter, { delta = 1, times }) {
    // How many have arrived; whether the start was given.
    const signals = new Int32Array(new SharedArrayBuffer(8))
    const confirmed = new Int32Array(new SharedArrayBuffer(4 * this.workers.length))
    const done = Promise.all(this.workers.map((worker) => once(worker, 'message')))
    this.workers.forEach((worker, i) =>
      worker.postMessage({ buffer: counter.buffer, delta, times, signals, confirmed, i }),
    )
    for (let here = 0; here < this.workers.length; here = Atomics.load(signals, 0)) {
      await Atomics.waitAsync(signals, 0, here).value
    }
    const start = () => {
      Atomics.store(signals, 1, 1)
      Atomics.notify(signals, 1)
    }
    return { start, done, additions: () => confirmed.reduce((sum, n) => sum + n, 0) }
  }

  /** Ends them, wherever they are. */
  terminate() {
    return Promise.all(this.workers.map((worker) => worker.terminate()))
  }
}
