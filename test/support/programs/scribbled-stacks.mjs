// Uses stacks while a Worker overwrites parts of them, header included, for a bounded number of rounds. Prints how
// many operations answered, and everything that went wrong.
import { Worker } from 'node:worker_threads'
import { PerCpuStack, RegionCorruptError, info } from '../../../lib/index.js'

const { seed } = JSON.parse(process.argv[2])
const OPERATIONS = 3000
const MOST_PROBLEMS = 20
const outcome = { operations: 0, errors: 0, scribbles: 0, problems: [] }

const stacks = ['cpu', 'concurrency'].flatMap((index) =>
  [1, 20].map((capacity) => new PerCpuStack(capacity, { index })),
)
const values = new Float64Array(8).fill(1)
const into = new Float64Array(8)
const cpus = info().possibleCpus

/** What may be said of bytes that make no sense: that they are corrupt, or that somebody has the stack. */
function isExpected(error) {
  if (error instanceof RegionCorruptError) return true
  return (
    error instanceof Error &&
    /has stopped the stack|not stopped by this call|this one (is|has|holds|was)/.test(error.message)
  )
}

function attempt(operation) {
  try {
    const answer = operation()
    outcome.operations++
    const isFine =
      answer === undefined ||
      typeof answer === 'boolean' ||
      typeof answer === 'number' ||
      answer instanceof Float64Array
    if (!isFine) throw new TypeError(`answered ${String(answer)}`)
  } catch (error) {
    outcome.errors++
    if (!isExpected(error) && outcome.problems.length < MOST_PROBLEMS) outcome.problems.push(String(error))
  }
}

const control = new Int32Array(new SharedArrayBuffer(8))
const scribbler = new Worker(new URL('../workers/part-scribbler.mjs', import.meta.url), {
  workerData: { buffers: stacks.map(({ buffer }) => buffer), control, seed },
})
const ended = new Promise((resolve, reject) => scribbler.once('exit', resolve).once('error', reject))
await new Promise((resolve) => scribbler.once('message', resolve))

for (let i = 0; i < OPERATIONS; i++) {
  const stack = stacks[i % stacks.length]
  attempt(() => stack.push(i))
  attempt(() => stack.pop())
  attempt(() => stack.pushMany(values))
  attempt(() => stack.popMany(into))
  if (i % 8 !== 0) continue
  const cpu = (i / 8) % cpus
  attempt(() => stack.size)
  attempt(() => stack.pushTo(cpu, i))
  attempt(() => stack.popFrom(cpu))
  attempt(() => stack.drain())
  attempt(() => stack.onCpu(cpu, (owned) => owned.popMany(into) + owned.pushMany(values) + owned.size))
  attempt(() => PerCpuStack.from(stack.buffer).size)
}
Atomics.store(control, 0, 1)
await ended
outcome.scribbles = Atomics.load(control, 1)
console.log(JSON.stringify(outcome))
