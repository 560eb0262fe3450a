/** Reads a ring in one of two ways, counts its records in `inside`, and never comes out of the second. */
import { workerData } from 'node:worker_threads'
import { PerCpuRing } from '../../../lib/index.js'
import { lineUp } from './team.mjs'

const { buffer, inside, way } = workerData
const ring = PerCpuRing.from(buffer)
const look = () => {
  if (Atomics.add(inside, 0, 1) === 1) for (;;);
}

lineUp()
if (way === 'drain') ring.drain(look)
else for await (const record of ring) look(record)
