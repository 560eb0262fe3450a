// Gives addMany arrays that a Worker overwrites all the time. Prints how many calls were made, how
// many of them were refused, and everything that went wrong.
import { Worker } from 'node:worker_threads'
import { PerCpuCounterArray } from '../../../lib/index.js'

const CALLS = 3000
const LENGTH = 20
/** More than fit into one crossing. */
const MANY = 1000
const MOST_PROBLEMS = 20
const outcome = { made: 0, refused: 0, scribbles: 0, problems: [] }

const indices = new Uint32Array(new SharedArrayBuffer(4 * MANY))
const deltas = new Float64Array(new SharedArrayBuffer(8 * MANY))
const control = new Int32Array(new SharedArrayBuffer(8))
const scribbler = new Worker(new URL('../workers/array-scribbler.mjs', import.meta.url), {
  workerData: { indices, deltas, length: LENGTH, control },
})
const ended = new Promise((resolve, reject) => scribbler.once('exit', resolve).once('error', reject))
await new Promise((resolve) => scribbler.once('message', resolve))

const arrays = ['i64', 'f64'].map((type) => new PerCpuCounterArray(LENGTH, { type }))
for (let k = 0; k < CALLS; k++) {
  try {
    arrays[k % 2].addMany(indices, deltas)
    outcome.made++
  } catch (error) {
    // What was wrong when it was looked at.
    if (error instanceof RangeError && /^(index|delta): expected /.test(error.message)) outcome.refused++
    else if (outcome.problems.length < MOST_PROBLEMS) outcome.problems.push(String(error))
  }
}
Atomics.store(control, 0, 1)
await ended
outcome.scribbles = Atomics.load(control, 1)

// Nothing of a refused call is left to be made by the next one.
for (const array of arrays) {
  const before = array.snapshot()
  array.addMany(Uint32Array.of(3), Float64Array.of(0))
  if (array.snapshot().some((total, i) => !Object.is(total, before[i]))) {
    outcome.problems.push(`a call added what an earlier one had left: ${array.type}`)
  }
  array.reset(0)
  array.addMany(Uint32Array.of(0, 0), Float64Array.of(2, 3))
  if (array.type === 'i64' && array.get(0) !== 5) outcome.problems.push(`counted ${array.get(0)} of 5`)
}
console.log(JSON.stringify(outcome))
