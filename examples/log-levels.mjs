// Workers parse a log and count its lines by level; the main thread shows the totals while they work.
// Run it: node examples/log-levels.mjs [LINES]
import { setTimeout as pause } from 'node:timers/promises'
import { Worker, isMainThread, workerData } from 'node:worker_threads'
import { CounterBatch, PerCpuCounterArray } from 'rseq'

const LEVELS = ['debug', 'info', 'warn', 'error']
const BYTES = LEVELS.length // one more counter, behind those of the levels

/** A stretch of log: what a worker would read from a file or a socket. */
function* makeLog(lines) {
  for (let n = 0; n < lines; n++) {
    const level = n % 97 === 0 ? 'error' : n % 13 === 0 ? 'warn' : n % 3 === 0 ? 'info' : 'debug'
    yield `2026-11-21T12:00:00Z ${level} request ${n} took ${n % 250} ms`
  }
}

function parse({ buffer, lines }) {
  const counters = PerCpuCounterArray.from(buffer)
  const batch = new CounterBatch(counters)
  for (const line of makeLog(lines)) {
    batch.increment(LEVELS.indexOf(line.split(' ', 2)[1]))
    batch.add(BYTES, line.length + 1)
  }
  batch.commit() // what is left; a full batch has committed itself
}

async function main() {
  const lines = Number(process.argv[2] ?? 200_000)
  const counters = new PerCpuCounterArray(LEVELS.length + 1)
  const workers = Array.from(
    { length: 4 },
    () => new Worker(new URL(import.meta.url), { workerData: { buffer: counters.buffer, lines } }),
  )
  const all = Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))))
  const report = () => LEVELS.map((level, i) => `${level} ${counters.get(i)}`).join('  ')
  while ((await Promise.race([all, pause(100)])) === undefined) console.log(report())
  console.log(`${report()}  bytes ${counters.get(BYTES)}`)
}

if (isMainThread) await main()
else parse(workerData)
