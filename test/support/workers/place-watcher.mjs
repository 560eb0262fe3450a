/**
 * Marks every CPU and every concurrency id that it sees itself on, in one hot loop without any call that
 * is not inlined, until it is stopped: `cpus[id]` and `concurrencyIds[id]` become 1.
 */
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'
import { concurrencyId, cpuId } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { signals, cpus, concurrencyIds, finished, supportFile } = workerData
const STOPPED = 1
/** Seconds' worth: bounds the test where the loads are not in the loop any more. */
const MOST = 5e9

/**
 * Plain loads and stores only. Were the load of the id taken out of the loop, the one of the stop
 * signal would be as well: then this runs to its bound, having seen one CPU.
 */
function watch(most) {
  let turns = 0
  while (turns < most && signals[STOPPED] === 0) {
    cpus[cpuId()] = 1
    concurrencyIds[concurrencyId()] = 1
    turns++
  }
  return turns
}

// Optimized before the test begins.
for (let i = 0; i < 20; i++) watch(100_000)

lineUp(createRequire(import.meta.url)(supportFile).gettid())
const turns = watch(MOST)
Atomics.store(finished, 0, 1)
report(turns)
