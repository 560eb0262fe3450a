/**
 * A worker's side of `../team.ts`.
 */
import { parentPort, workerData } from 'node:worker_threads'

const { signals } = workerData

/** Longer than any machine takes to start the others; not to hang for ever where they never come. */
const PATIENCE_MS = 100_000

/** Says that this worker has loaded everything, and sleeps until all are let go. */
export function lineUp(hello = null) {
  parentPort.postMessage({ hello })
  if (Atomics.wait(signals, 0, 0, PATIENCE_MS) === 'timed-out') throw new Error('nobody said go')
}

/** True once the team is told to come to an end. */
export function isStopped() {
  return Atomics.load(signals, 1) !== 0
}

/** What this worker has to say in the end. */
export function report(value = null) {
  parentPort.postMessage({ report: value })
}
