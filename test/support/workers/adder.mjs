/**
 * Adds `delta` `adds` times: to a counter, or to the elements of an array in turn. `cpu` pins it first.
 * Reports what it ran on.
 */
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'
import { PerCpuCounter, PerCpuCounterArray, info } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { buffer, adds, delta = 1, array = false, cpu, supportFile } = workerData

if (cpu !== undefined) createRequire(import.meta.url)(supportFile).setAffinity(0, [cpu])
const counters = array ? PerCpuCounterArray.from(buffer) : PerCpuCounter.from(buffer)

lineUp()
if (array) {
  for (let i = 0; i < adds; i++) counters.add(i % counters.length, delta)
} else {
  for (let i = 0; i < adds; i++) counters.add(delta)
}
const { backend, registration, reason } = info()
report({ backend, registration, reason })
