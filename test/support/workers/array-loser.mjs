/** Counts its steps in a word of its CPU by a load and a store, two sections: the control, which loses some. */
import { workerData } from 'node:worker_threads'
import { PerCpuArray } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { buffer, steps } = workerData
/** Almost all of its time is between the two: whoever comes on this CPU comes there. */
const SPINS = 2000
const words = PerCpuArray.from(buffer)
const place = new Int32Array(new SharedArrayBuffer(4))

lineUp()
for (let step = 0; step < steps; step++) {
  const before = words.load(0)
  for (let spin = 0; spin < SPINS; spin++) Atomics.load(place, 0)
  words.store(0, before + 1)
}
report()
