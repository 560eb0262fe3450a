/**
 * Takes blocks of all sizes from a heap, fills each with a byte of its own, and hands it on: puts it into a slot that all
 * workers share, takes what was there, and frees that, `steps` times or until it is told to stop. `cpu` pins it first.
 * With `plain`, the heap is one of plain loads and stores: the control. Reports its steps; how many blocks it got that had an
 * owner already; and how many did not hold what was written.
 */
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'
import { PerCpuHeap } from '../../../lib/index.js'
import { makeRandom } from '../../chaos/random.mjs'
import { claim, handOver, isUnharmed, unclaim } from '../heap-blocks.mjs'
import { PlainHeap } from '../plain-heap.mjs'
import { isStopped, lineUp, report } from './team.mjs'

const { buffer, owners, slots, who, plain = false, steps = Infinity, longest = 9000 } = workerData
const { cpu, supportFile, progress } = workerData

if (cpu !== undefined) createRequire(import.meta.url)(supportFile).setAffinity(0, [cpu])
const heap = plain ? new PlainHeap(buffer) : PerCpuHeap.from(buffer)
const random = makeRandom(who)
const upTo = (end) => Math.floor(random() * end)
const found = { steps: 0, twice: 0, overwritten: 0, none: 0 }

/** Frees a block that this or another worker has taken. */
function give(block) {
  if (!isUnharmed(heap, owners, block)) found.overwritten++
  unclaim(owners, block)
  heap.free(block)
}

lineUp()
while (found.steps < steps && !isStopped()) {
  found.steps++
  const block = heap.alloc(upTo(8) === 0 ? upTo(longest) : upTo(300))
  if (block === -1) found.none++
  else if (!claim(heap, owners, block, who)) found.twice++
  const other = handOver(slots, upTo(slots.length), block)
  if (other !== -1) give(other)
  if (progress !== undefined) Atomics.store(progress, who, found.steps)
}
report(found)
