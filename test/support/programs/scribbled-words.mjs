// Uses arrays of words while a Worker overwrites parts of them, header included, for a bounded number of rounds. Prints how
// many operations answered, and everything that went wrong.
import { Worker } from 'node:worker_threads'
import { PerCpuArray, RegionCorruptError, cpuOpv, info } from '../../../lib/index.js'

const { seed } = JSON.parse(process.argv[2])
const OPERATIONS = 3000
const MOST_PROBLEMS = 20
const outcome = { operations: 0, errors: 0, scribbles: 0, problems: [] }

const arrays = ['i64', 'i32', 'f64'].flatMap((element) =>
  ['cpu', 'concurrency'].map((index) => new PerCpuArray(element === 'f64' ? 40 : 3, { element, index })),
)
const cpus = info().possibleCpus

/** What may be said of bytes that make no sense: that they are corrupt, or that somebody has the words. */
function isExpected(error) {
  if (error instanceof RegionCorruptError) return true
  return (
    error instanceof Error &&
    /has stopped the array|not stopped by this call|this one (is|has|holds|was)/.test(error.message)
  )
}

function attempt(operation) {
  try {
    const answer = operation()
    outcome.operations++
    if (typeof answer !== 'number' && typeof answer !== 'bigint')
      throw new TypeError(`answered ${String(answer)}`)
  } catch (error) {
    outcome.errors++
    if (!isExpected(error) && outcome.problems.length < MOST_PROBLEMS) outcome.problems.push(String(error))
  }
}

const control = new Int32Array(new SharedArrayBuffer(8))
const scribbler = new Worker(new URL('../workers/part-scribbler.mjs', import.meta.url), {
  workerData: { buffers: arrays.map(({ buffer }) => buffer), control, seed },
})
const ended = new Promise((resolve, reject) => scribbler.once('exit', resolve).once('error', reject))
await new Promise((resolve) => scribbler.once('message', resolve))

for (let i = 0; i < OPERATIONS; i++) {
  const words = arrays[i % arrays.length]
  const at = i % words.length
  attempt(() => words.add(at, 1))
  attempt(() => words.load(at) + words.lastCpu)
  attempt(() => words.exchange(at, i))
  attempt(() => words.compareExchange(at, i, -i))
  if (i % 8 !== 0) continue
  const cpu = (i / 8) % cpus
  attempt(() => words.get(cpu, at))
  attempt(() => words.perCpu(at).length)
  attempt(() => words.onCpu(cpu, (owned) => owned.add(at, 1) + owned.exchange(at, 1) + owned.load(at)))
  attempt(() =>
    cpuOpv(words, cpu, [
      { op: 'compareNotEqual', index: at, value: 3 },
      { op: 'add', index: at, value: 1 },
      { op: 'copy', index: 0, from: at },
    ]),
  )
  attempt(() => PerCpuArray.from(words.buffer).load(0))
}
Atomics.store(control, 0, 1)
await ended
outcome.scribbles = Atomics.load(control, 1)
console.log(JSON.stringify(outcome))
