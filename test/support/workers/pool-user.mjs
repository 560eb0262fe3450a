/**
 * Takes up to `most` blocks of a pool, writes into them, and gives them back, `steps` times or until it is told to stop; now
 * and then empties a CPU's cache. `cpu` pins it first. Reports its steps, and blocks that did not hold what was
 * written.
 */
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'
import { PerCpuPool, info } from '../../../lib/index.js'
import { hold, release } from '../tokens.mjs'
import { isStopped, lineUp, report } from './team.mjs'

const { buffer, tokens, who, steps = Infinity, most = 4, remoteEvery = 32 } = workerData
const { cpu, supportFile, progress } = workerData

if (cpu !== undefined) createRequire(import.meta.url)(supportFile).setAffinity(0, [cpu])
const pool = PerCpuPool.from(buffer)
const cpus = info().possibleCpus
const held = []
let overwritten = 0
let none = 0

/** A block that this thread has allocated: no other thread may write to it. */
function take() {
  const block = pool.alloc()
  if (block === -1) {
    none++
    return
  }
  hold(tokens, block + 1, who)
  pool.view(block).fill(who & 0xff)
  held.push(block)
}

function giveBack() {
  const block = held.pop()
  if (block === undefined) return
  if (!pool.view(block).every((byte) => byte === (who & 0xff))) overwritten++
  release(tokens, block + 1, who)
  pool.free(block)
}

lineUp()
let number = 0
while (number < steps && !isStopped()) {
  number++
  if (number % remoteEvery === 0) pool.flush((number / remoteEvery) % cpus)
  for (let k = 0; k <= number % most; k++) take()
  while (held.length > 0) giveBack()
  if (progress !== undefined) Atomics.store(progress, who, number)
}
report({ steps: number, overwritten, none })
