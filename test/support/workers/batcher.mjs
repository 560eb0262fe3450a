/**
 * Adds to the elements of an array in turn, `capacity` at a time: by a CounterBatch of its own, or with `many` by addMany.
 * Every third delta is `delta`, the others are 1.
 */
import { workerData } from 'node:worker_threads'
import { CounterBatch, PerCpuCounterArray } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { buffer, adds, delta, capacity, many = false } = workerData

const counters = PerCpuCounterArray.from(buffer)
const { length } = counters
const deltaOf = (k) => (k % 3 === 0 ? delta : 1)

function addByBatch() {
  const batch = new CounterBatch(counters, capacity)
  lineUp()
  for (let k = 0; k < adds; k++) {
    batch.add(k % length, deltaOf(k))
    if (k % capacity === capacity - 1) batch.commit()
  }
  batch.commit()
}

function addByMany() {
  const indices = new Uint32Array(capacity)
  const deltas = new Float64Array(capacity)
  lineUp()
  for (let begin = 0; begin < adds; begin += capacity) {
    const count = Math.min(capacity, adds - begin)
    for (let k = 0; k < count; k++) {
      indices[k] = (begin + k) % length
      deltas[k] = deltaOf(begin + k)
    }
    counters.addMany(indices, deltas, count)
  }
}

if (many) addByMany()
else addByBatch()
report()
