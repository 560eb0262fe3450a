// Gives addMany arrays that a Worker overwrites all the time. Prints how many calls were made, how
// many of them were refused, and everything that went wrong.
import { PerCpuCounterArray } from '../../../lib/index.js'
import { startScribbler } from '../scribbler.mjs'

const CALLS = 3000
const LENGTH = 20
/** More than fit into one crossing. */
const MANY = 1000
const MOST_PROBLEMS = 20
const outcome = { made: 0, refused: 0, scribbles: 0, problems: [] }

const indices = new Uint32Array(new SharedArrayBuffer(4 * MANY))
const deltas = new Float64Array(new SharedArrayBuffer(8 * MANY))
const scribbler = await startScribbler('array-scribbler', { indices, deltas, length: LENGTH })

const arrays = ['i64', 'f64'].map((type) => new PerCpuCounterArray(LENGTH, { type }))
const note = (problem) => {
  if (outcome.problems.length < MOST_PROBLEMS) outcome.problems.push(problem)
}

/** Nothing of a refused call is left to be made by the next one, though the Worker may have written between check and use. */
function checkNothingIsLeft(array) {
  const before = array.snapshot()
  array.addMany(Uint32Array.of(3), Float64Array.of(0))
  if (array.snapshot().some((total, i) => !Object.is(total, before[i])))
    note(`a call added what an earlier one had left: ${array.type}`)
}

for (let k = 0; k < CALLS; k++) {
  const array = arrays[k % 2]
  try {
    array.addMany(indices, deltas)
    outcome.made++
  } catch (error) {
    // What was wrong when it was looked at.
    if (error instanceof RangeError && /^(index|delta): expected /.test(error.message)) outcome.refused++
    else note(String(error))
    checkNothingIsLeft(array)
  }
}
outcome.scribbles = await scribbler.end()

for (const array of arrays) {
  array.reset(0)
  array.addMany(Uint32Array.of(0, 0), Float64Array.of(2, 3))
  if (array.type === 'i64' && array.get(0) !== 5) note(`counted ${array.get(0)} of 5`)
}
console.log(JSON.stringify(outcome))
