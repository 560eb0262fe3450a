// The public API in use, by the main thread and two Workers on the same memory. `rseq` is the package, however
// it was got; `entry` is the program itself, which is what the Workers run.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'

const WORKERS = 2
const TIMES = 10_000

function count(rseq, { counter, doubles, array }) {
  const total = rseq.PerCpuCounter.from(counter)
  const sum = rseq.PerCpuCounter.from(doubles)
  const elements = rseq.PerCpuCounterArray.from(array)
  const batch = new rseq.CounterBatch(elements, TIMES)
  for (let i = 0; i < TIMES; i++) {
    total.add(2)
    sum.add(0.5)
    elements.increment(i % elements.length)
    batch.increment(i % elements.length)
  }
  batch.commit()
}

function assertPlace({ cpuId, numaNode, concurrencyId, info }) {
  for (const id of [cpuId(), concurrencyId()]) {
    if (!(id >= 0 && id < info().possibleCpus)) throw new Error(`CPU ${id}`)
  }
  if (!(numaNode() >= 0)) throw new Error(`node ${numaNode()}`)
}

function assertRefuses({ PerCpuCounter }) {
  try {
    new PerCpuCounter().add('1')
  } catch (error) {
    if (error instanceof TypeError && error.message.startsWith('delta: ')) return
    throw error
  }
  throw new Error('a wrong argument was taken')
}

async function lead(rseq, entry) {
  assertPlace(rseq)
  assertRefuses(rseq)
  const mine = {
    counter: new rseq.PerCpuCounter(),
    doubles: new rseq.PerCpuCounter({ type: 'f64' }),
    array: new rseq.PerCpuCounterArray(100),
  }
  const shared = Object.fromEntries(Object.entries(mine).map(([name, { buffer }]) => [name, buffer]))
  const infos = Array.from({ length: WORKERS }, () => {
    const worker = new Worker(entry, { workerData: shared })
    return new Promise((resolve, reject) => {
      worker.once('message', resolve).once('error', reject)
    })
  })
  count(rseq, shared)
  const workers = await Promise.all(infos)
  const elements = mine.array.snapshot().reduce((sum, element) => sum + element, 0)
  const counted = mine.counter.value + mine.doubles.value + elements
  const expected = (WORKERS + 1) * TIMES * (2 + 0.5 + 1 + 1)
  if (counted !== expected) process.exitCode = 1
  console.log(JSON.stringify({ main: rseq.info(), workers, counted, expected }))
}

export async function smoke(rseq, entry) {
  if (isMainThread) return lead(rseq, entry)
  count(rseq, workerData)
  parentPort.postMessage(rseq.info())
}
