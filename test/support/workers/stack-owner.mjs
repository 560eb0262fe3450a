/**
 * Owns the stack of CPU 0. With `turns`, that often: adds to a word by plain load and store, which only excluding the
 * others makes exact. With `inside`, once and for ever: pushes, says that it is there, and never comes out.
 */
import { workerData } from 'node:worker_threads'
import { PerCpuStack } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { buffer, turns = 0, total, inside } = workerData
const SPINS = 20
const stack = PerCpuStack.from(buffer)

lineUp()
for (let i = 0; i < turns; i++) {
  stack.onCpu(0, () => {
    const before = total[0]
    for (let spin = 0; spin < SPINS; spin++) Atomics.load(total, 0)
    total[0] = before + 1
  })
}
if (inside !== undefined) {
  stack.onCpu(0, (owned) => {
    owned.push(2)
    Atomics.store(inside, 0, 1)
    for (;;);
  })
}
report()
