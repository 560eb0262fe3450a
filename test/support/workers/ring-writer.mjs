/**
 * Writes messages into a ring, `count` of them or until it is told to stop. `cpu` pins it first. Notes in `progress`
 * how many it has been told are there. Reports how many those are, and how many were refused.
 */
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'
import { PerCpuRing } from '../../../lib/index.js'
import { makeMessage } from '../ring-messages.mjs'
import { isStopped, lineUp, report } from './team.mjs'

const { buffer, who, count = Infinity, cpu, supportFile, progress } = workerData

if (cpu !== undefined) createRequire(import.meta.url)(supportFile).setAffinity(0, [cpu])
const ring = PerCpuRing.from(buffer)

lineUp()
let written = 0
let refused = 0
for (let number = 1; number <= count && !isStopped(); number++) {
  if (ring.write(makeMessage(who, number))) written++
  else refused++
  if (progress !== undefined) Atomics.store(progress, who, number)
}
report({ written, refused })
