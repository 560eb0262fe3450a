// A Worker of workers/ that overwrites shared memory in a loop.
import { Worker } from 'node:worker_threads'

/**
 * Starts it, and waits until it is about to write.
 *
 * @param name - the file in workers/, which counts its rounds in `control[1]` and ends when `control[0]` is not 0.
 * @returns what the Worker has done so far, and what ends it.
 */
export async function startScribbler(name, workerData) {
  const control = new Int32Array(new SharedArrayBuffer(8))
  const url = new URL(`workers/${name}.mjs`, import.meta.url)
  const worker = new Worker(url, { workerData: { ...workerData, control } })
  const ended = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
  await new Promise((resolve) => worker.once('message', resolve))
  return {
    scribbles: () => Atomics.load(control, 1),
    async end() {
      Atomics.store(control, 0, 1)
      await ended
      return Atomics.load(control, 1)
    },
  }
}
