/**
 * Increments a counter and, after each time, says so in its slot: `confirmed[slot]`. Until it is
 * terminated.
 */
import { workerData } from 'node:worker_threads'
import { PerCpuCounter } from '../../../lib/index.js'
import { lineUp } from './team.mjs'

const { buffer, confirmed, slot } = workerData
const MOST = 1e9

const counter = PerCpuCounter.from(buffer)
lineUp()
for (let i = 1; i <= MOST; i++) {
  counter.increment()
  Atomics.store(confirmed, slot, i)
}
