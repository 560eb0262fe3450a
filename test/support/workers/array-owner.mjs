/** Owns the words of CPU 0, changes one, says so, and never comes out. */
import { workerData } from 'node:worker_threads'
import { PerCpuArray } from '../../../lib/index.js'
import { lineUp } from './team.mjs'

const { buffer, inside } = workerData
const words = PerCpuArray.from(buffer)
lineUp()
words.onCpu(0, (owned) => {
  owned.add(0, 2)
  Atomics.store(inside, 0, 1)
  for (;;);
})
