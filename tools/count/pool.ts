/**
 * Starts the workers of one count, waits for all of them, and reports each of their errors.
 *
 * @module
 */
import { Worker } from 'node:worker_threads'
import { info } from 'rseq'
import type { Job, Report } from './job.js'

type Failed = Extract<Report, { kind: 'failed' }>

const WORKER = new URL('./worker.js', import.meta.url)

/** Waits for a worker. Resolves when the worker has finished its work, and rejects if it ends before that. */
function startWorker(worker: Worker, onFailure: (failed: Failed) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let done = false
    worker.on('message', (report: Report) => {
      if (report.kind === 'done') done = true
      else onFailure(report)
    })
    worker.on('error', (error) => {
      reject(new Error(`a worker failed: ${error.message}`, { cause: error }))
    })
    worker.on('exit', (status) => {
      if (done) resolve()
      else reject(new Error(`a worker ended with status ${status} before its work was done`))
    })
  })
}

/**
 * Runs `count` workers over `job`.
 *
 * @throws Error if one of them fails; the others are then stopped.
 */
export async function runWorkers(
  count: number,
  job: Job,
  onFailure: (failed: Failed) => void,
): Promise<void> {
  // Workers get the backend of this thread, so that a fallback is reported once and not by every worker.
  const env = info().backend === 'portable' ? { ...process.env, RSEQ_BACKEND: 'portable' } : process.env
  const workers = Array.from({ length: count }, () => new Worker(WORKER, { workerData: job, env }))
  try {
    await Promise.all(workers.map((worker) => startWorker(worker, onFailure)))
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}
