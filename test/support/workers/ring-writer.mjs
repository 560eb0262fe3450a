/**
 * Writes messages into a ring, `count` of them or until it is told to stop. Says hello by its kernel thread's id, if it
 * has the `supportFile`; `cpu` pins it first. Notes in `progress` how many it has tried. Reports how many were written,
 * and how many refused.
 */
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'
import { PerCpuRing } from '../../../lib/index.js'
import { makeMessage } from '../ring-messages.mjs'
import { isStopped, lineUp, report } from './team.mjs'

const { buffer, who, count = Infinity, cpu, supportFile, progress } = workerData

const support = supportFile === undefined ? null : createRequire(import.meta.url)(supportFile)
if (cpu !== undefined) support.setAffinity(0, [cpu])
const ring = PerCpuRing.from(buffer)

lineUp(support === null ? null : support.gettid())
let written = 0
let refused = 0
for (let number = 1; number <= count && !isStopped(); number++) {
  if (ring.write(makeMessage(who, number))) written++
  else refused++
  if (progress !== undefined) Atomics.store(progress, who, number)
}
report({ written, refused })
