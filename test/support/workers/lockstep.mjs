/**
 * Meets the other worker, both running, and notes its concurrency id; until the two have differed a few
 * times, for at most `rounds` rounds. Reports in how many rounds they differed, and the ids.
 */
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'
import { concurrencyId } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { arrived, noted, me, rounds, cpu, supportFile } = workerData
const MOST_SPINS = 1e9
const ENOUGH = 3

/** Spins instead of sleeping, so that the first thread still runs when the other one arrives. */
function meet(meeting) {
  Atomics.store(arrived, me, meeting)
  for (let spin = 0; Atomics.load(arrived, 1 - me) < meeting && spin < MOST_SPINS; spin++);
}

createRequire(import.meta.url)(supportFile).setAffinity(0, [cpu])
lineUp()
const ids = new Set()
let different = 0
for (let round = 0; round < rounds && different < ENOUGH; round++) {
  meet(3 * round + 1)
  const id = concurrencyId()
  Atomics.store(noted, me, id)
  meet(3 * round + 2)
  if (id !== Atomics.load(noted, 1 - me)) different++
  // No thread writes its next note before both have read.
  meet(3 * round + 3)
  ids.add(id)
}
report({ different, ids: [...ids] })
