/**
 * Drains a ring. With `total`, so often as it says: adds to a word by plain load and store in the callback, which only
 * excluding other readers makes exact. With `inside`, says that it is in the callback, and never comes out.
 */
import { workerData } from 'node:worker_threads'
import { PerCpuRing } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { buffer, turns = 0, total, inside } = workerData
const SPINS = 20
const nothing = new Int32Array(1)
const ring = PerCpuRing.from(buffer)

lineUp()
let read = 0
for (let i = 0; i < turns; i++) {
  ring.write(new Uint8Array(8))
  read += ring.drain(() => {
    const before = total[0]
    for (let spin = 0; spin < SPINS; spin++) Atomics.load(nothing, 0)
    total[0] = before + 1
  })
}
if (inside !== undefined) {
  ring.drain(() => {
    Atomics.store(inside, 0, 1)
    for (;;);
  })
}
report({ read })
