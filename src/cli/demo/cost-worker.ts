/**
 * A Worker that counts in one of several ways for a slice of time, whenever it is asked.
 *
 * @module
 */
import { createRequire } from 'node:module'
import { performance } from 'node:perf_hooks'
import { parentPort, workerData } from 'node:worker_threads'
import { PerCpuCounter } from '../../index.js'
import { Counter } from '../../prom-client/index.js'
import type { CostData, Done, Slice, Way } from './ways.js'

/** Updates between two looks at the clock. */
const CHUNK = 1000
/** Messages of a slice: a number of them and no time, as who receives them may need longer. */
const MESSAGES = 1000

/** What is used of prom-client. */
interface PromClient {
  readonly Counter: new (options: { name: string; help: string; labelNames: readonly string[] }) => {
    inc(labels?: Readonly<Record<string, string | number>>): void
  }
}

const { counter: buffer, word, promClient } = workerData as CostData
const counter = PerCpuCounter.from(buffer)
const words = new Int32Array(word)
const METRIC = { name: 'rseq_demo_updates_total', help: 'Updates.', labelNames: [] }
const LABELLED = { name: 'rseq_demo_requests_total', help: 'Requests.', labelNames: ['method', 'status'] }
const ours = new Counter(METRIC)
const oursLabelled = new Counter(LABELLED)
const TheirCounter =
  promClient === null ? undefined : (createRequire(import.meta.url)(promClient) as PromClient).Counter
const theirs = TheirCounter && new TheirCounter(METRIC)
const theirsLabelled = TheirCounter && new TheirCounter(LABELLED)

/** Each way has a loop of its own, which V8 compiles for it alone. */
const LOOPS: Readonly<Record<Way, (times: number) => void>> = {
  counter: (times) => {
    for (let i = 0; i < times; i++) counter.add(1)
  },
  atomics: (times) => {
    for (let i = 0; i < times; i++) Atomics.add(words, 0, 1)
  },
  'rseq/prom-client': (times) => {
    for (let i = 0; i < times; i++) ours.inc()
  },
  'prom-client': (times) => {
    for (let i = 0; i < times; i++) theirs?.inc()
  },
  // A program makes the object with the labels for each request.
  'rseq/prom-client, labels': (times) => {
    for (let i = 0; i < times; i++) oursLabelled.inc({ method: 'GET', status: 200 })
  },
  'prom-client, labels': (times) => {
    for (let i = 0; i < times; i++) theirsLabelled?.inc({ method: 'GET', status: 200 })
  },
  message: (times) => {
    for (let i = 0; i < times; i++) parentPort?.postMessage(1)
  },
}

parentPort?.on('message', ({ way, ms }: Slice) => {
  const loop = LOOPS[way]
  const isMessage = way === 'message'
  const end = performance.now() + ms
  let operations = 0
  do {
    const times = isMessage ? MESSAGES : CHUNK
    loop(times)
    operations += times
  } while (!isMessage && performance.now() < end)
  const done: Done = { operations }
  parentPort?.postMessage(done)
})
parentPort?.postMessage('ready')
