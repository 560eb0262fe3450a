// Uses regions while a Worker overwrites every byte of them, header included, for a bounded number of
// rounds. Prints how many operations answered, and everything that went wrong.
import { Worker } from 'node:worker_threads'
import { PerCpuCounter, PerCpuCounterArray } from '../../../lib/index.js'

const OPERATIONS = 30_000
const LENGTH = 20
const MOST_PROBLEMS = 20
const outcome = { operations: 0, opened: 0, refused: 0, scribbles: 0, problems: [] }

const counters = []
for (const type of ['i64', 'f64']) {
  for (const index of ['cpu', 'concurrency']) counters.push(new PerCpuCounterArray(LENGTH, { type, index }))
}

/** Only an operation that loses against the scribbler every time may refuse, and it says so. */
function attempt(operation) {
  try {
    const answer = operation()
    outcome.operations++
    return answer
  } catch (error) {
    const gaveUp = error instanceof Error && error.message.includes('overwrites its memory in a loop')
    if (!gaveUp && outcome.problems.length < MOST_PROBLEMS) outcome.problems.push(String(error))
    return undefined
  }
}

function expectNumber(value) {
  if (value !== undefined && typeof value !== 'number') outcome.problems.push(`${String(value)} is no number`)
}

const control = new Int32Array(new SharedArrayBuffer(8))
const scribbler = new Worker(new URL('../workers/scribbler.mjs', import.meta.url), {
  workerData: { buffers: counters.map(({ buffer }) => buffer), control },
})
const ended = new Promise((resolve, reject) => scribbler.once('exit', resolve).once('error', reject))
await new Promise((resolve) => scribbler.once('message', resolve))

for (let i = 0; i < OPERATIONS; i++) {
  const array = counters[i % counters.length]
  const element = i % LENGTH
  attempt(() => array.add(element, i))
  attempt(() => array.add(element, 2 ** 40 + i))
  expectNumber(attempt(() => array.get(element)))
  if (i % 8 === 0) {
    expectNumber(attempt(() => array.reset(element)))
    expectNumber(attempt(() => array.overflow(element)))
    attempt(() => array.perCpu(element).forEach(expectNumber))
    attempt(() => array.snapshot().forEach(expectNumber))
    for (const open of [PerCpuCounterArray, PerCpuCounter]) {
      try {
        open.from(array.buffer)
        outcome.opened++
      } catch (error) {
        if (error instanceof RangeError) outcome.refused++
        else outcome.problems.push(String(error))
      }
    }
  }
}
Atomics.store(control, 0, 1)
await ended
outcome.scribbles = Atomics.load(control, 1)
console.log(JSON.stringify(outcome))
