// The main thread's part: starts the workers, and answers scrapes for all of them.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Worker } from 'node:worker_threads'
import { observeProcess } from 'rseq/metrics'
import { service } from './metrics.mjs'

export class Service {
  #workers = []
  #ports = []
  #server
  #stopObserving
  metrics = service.create()

  static async start({ workers = 3, metricsPort = 0 } = {}) {
    const started = new Service()
    await Promise.all(Array.from({ length: workers }, (_, k) => started.#startWorker(k)))
    started.#stopObserving = observeProcess(started.metrics, { thread: 'main' })
    started.#server = createServer(started.metrics.handler()).listen(metricsPort, '127.0.0.1')
    await once(started.#server, 'listening')
    return started
  }

  /** Where the workers listen. */
  get ports() {
    return [...this.#ports]
  }

  /** Where the metrics are. */
  get metricsUrl() {
    return `http://127.0.0.1:${this.#server.address().port}/metrics`
  }

  async #startWorker(k) {
    const worker = new Worker(new URL('worker.mjs', import.meta.url), {
      workerData: { metrics: this.metrics.buffer, name: `worker ${k}`, port: this.#ports[k] ?? 0 },
    })
    this.#workers[k] = worker
    const [port] = await once(worker, 'message')
    this.#ports[k] = port
  }

  /** Ends a worker wherever it is, and starts another in its place. What it had counted stays. */
  async replace(k) {
    await this.#workers[k].terminate()
    await this.#startWorker(k)
  }

  async stop() {
    this.#stopObserving()
    this.#server.close()
    this.#server.closeAllConnections()
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }
}
