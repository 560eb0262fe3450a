/**
 * Increments a counter until the team is stopped, and with `resets` resets it now and then. Says hello
 * with its thread's id, where it is given the test addon; reports what it added and what its resets took.
 */
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'
import { PerCpuCounter } from '../../../lib/index.js'
import { isStopped, lineUp, report } from './team.mjs'

const { buffer, supportFile, resets = false } = workerData
const CHUNK = 1000
/** Some ten seconds' worth: a test that never stops its team is to fail, not to hang. */
const MOST = 1e9

const counter = PerCpuCounter.from(buffer)
lineUp(supportFile === undefined ? null : createRequire(import.meta.url)(supportFile).gettid())
let added = 0
let taken = 0
while (!isStopped() && added < MOST) {
  for (let i = 0; i < CHUNK; i++) counter.increment()
  added += CHUNK
  if (resets) taken += counter.reset()
}
report({ added, taken })
