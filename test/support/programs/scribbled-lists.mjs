// Uses lists while a Worker overwrites parts of them, header included, for a bounded number of rounds. Prints how
// many operations answered, and everything that went wrong.
import { Worker } from 'node:worker_threads'
import { PerCpuList, RegionCorruptError, info } from '../../../lib/index.js'

const { seed } = JSON.parse(process.argv[2])
const OPERATIONS = 3000
const MOST_PROBLEMS = 20
const NODES = 20
const outcome = { operations: 0, errors: 0, scribbles: 0, problems: [] }

const lists = ['cpu', 'concurrency'].map((index) => new PerCpuList({ nodes: NODES, payloadSize: 16, index }))
const cpus = info().possibleCpus

/** What may be said of bytes that make no sense: that they are corrupt, or that somebody has the list. */
function isExpected(error) {
  if (error instanceof RegionCorruptError) return true
  return (
    error instanceof Error &&
    /has stopped the list|itself, and has not let it go|not stopped by this call|this one (is|has|holds|was)/.test(
      error.message,
    )
  )
}

const isNode = (answer) => Number.isInteger(answer) && answer >= -1 && answer < NODES
const isCount = (answer) => Number.isInteger(answer) && answer >= 0 && answer <= NODES * (cpus + 1)
const isNothing = (answer) => answer === undefined
const areNodes = (answer) => Array.isArray(answer) && answer.every(isNode)

function attempt(operation, isFine) {
  try {
    const answer = operation()
    outcome.operations++
    if (!isFine(answer)) throw new TypeError(`answered ${String(answer)}`)
  } catch (error) {
    outcome.errors++
    if (!isExpected(error) && outcome.problems.length < MOST_PROBLEMS) outcome.problems.push(String(error))
  }
}

const control = new Int32Array(new SharedArrayBuffer(8))
const scribbler = new Worker(new URL('../workers/part-scribbler.mjs', import.meta.url), {
  workerData: { buffers: lists.map(({ buffer }) => buffer), control, seed },
})
const ended = new Promise((resolve, reject) => scribbler.once('exit', resolve).once('error', reject))
await new Promise((resolve) => scribbler.once('message', resolve))

for (let i = 0; i < OPERATIONS; i++) {
  const list = lists[i % lists.length]
  attempt(() => list.push(i % NODES), isNothing)
  attempt(() => list.pop(), isNode)
  if (i % 8 !== 0) continue
  const cpu = (i / 8) % cpus
  attempt(() => list.size, isCount)
  attempt(() => list.pushTo(cpu, i % NODES), isNothing)
  attempt(() => list.popFrom(cpu), isNode)
  attempt(() => list.drain(), areNodes)
  attempt(() => list.onCpu(cpu, (owned) => owned.pop()), isNode)
  attempt(() => PerCpuList.from(list.buffer).size, isCount)
}
Atomics.store(control, 0, 1)
await ended
outcome.scribbles = Atomics.load(control, 1)
console.log(JSON.stringify(outcome))
