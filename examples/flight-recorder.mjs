// Workers note what they do in a flight recorder, which costs some 40 ns a note and never blocks. One of them
// crashes; then the main thread prints what all of them were doing at last.
// Run it: node examples/flight-recorder.mjs
import { Worker, isMainThread, workerData } from 'node:worker_threads'
import { PerCpuRing } from 'rseq'

const WORKERS = 4
const SHOWN = 12

function work({ buffer, name, flags }) {
  const recorder = PerCpuRing.from(buffer)
  const notes = new TextEncoder()
  const note = (text) => recorder.write(notes.encode(`${name}: ${text}`))
  for (let request = 1; Atomics.load(flags, 0) === 0; request++) {
    note(`request ${request} begins`)
    // The bug: one kind of request that only one worker gets, and not before all are under way.
    const order = name === 'worker 2' && request > 50 ? undefined : { items: [request, request + 1] }
    note(`request ${request} has ${order?.items.length ?? 'no'} items`)
    Atomics.wait(flags, 1, 0, order.items.length / 2) // a request takes its time
    note(`request ${request} ends`)
  }
}

async function main() {
  const recorder = new PerCpuRing(1 << 16, { policy: 'overwrite' })
  const flags = new Int32Array(new SharedArrayBuffer(8))
  const workers = Array.from({ length: WORKERS }, (_, i) => {
    const data = { buffer: recorder.buffer, name: `worker ${i + 1}`, flags }
    return new Worker(new URL(import.meta.url), { workerData: data })
  })
  const ends = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)))
  const crash = await Promise.race(
    workers.map((worker) => new Promise((resolve) => worker.once('error', resolve))),
  )
  // The others go on writing meanwhile: a snapshot has whole records only.
  const records = recorder.snapshot()
  Atomics.store(flags, 0, 1)
  await Promise.all(ends)

  const text = ({ bytes }) => new TextDecoder().decode(bytes)
  const last = records.findLast((record) => text(record).startsWith('worker 2'))
  console.log(`${crash}; the recorder has ${records.length} records. The last ones of its thread:`)
  for (const record of records.filter(({ thread }) => thread === last?.thread).slice(-SHOWN)) {
    const before = Number(last.time - record.time) / 1000
    console.log(`  ${before.toFixed(1).padStart(8)} us before, CPU ${record.cpu}: ${text(record)}`)
  }
}

if (isMainThread) await main()
else work(workerData)
