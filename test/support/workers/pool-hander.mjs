/**
 * One side of a pool between two threads: takes blocks and hands their numbers over in `slots`, or gives back what it gets
 * there; `blocks` of them. `cpu` pins it first. Each block has its place in the row written in it. Reports how many were wrong.
 */
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'
import { PerCpuPool } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { buffer, slots, positions, blocks, takes, cpu, supportFile } = workerData
const [TAKEN, GIVEN_BACK] = [0, 1]
const PATIENCE_MS = 100_000

if (cpu !== undefined) createRequire(import.meta.url)(supportFile).setAffinity(0, [cpu])
const pool = PerCpuPool.from(buffer)
const words = new Map()

function firstWord(block) {
  const view = pool.view(block)
  if (!words.has(block)) words.set(block, new Uint32Array(view.buffer, view.byteOffset, 1))
  return words.get(block)
}

/** Until the other side is further than `position`. */
function waitBeyond(which, position) {
  // A call may wake that belongs to the position before.
  while (Atomics.load(positions, which) <= position) {
    if (Atomics.wait(positions, which, position, PATIENCE_MS) === 'timed-out')
      throw new Error('it stood still')
  }
}

/** There is one: at most so many are on the way as there are slots, and the pool has more. */
function take(i) {
  if (i >= slots.length) waitBeyond(GIVEN_BACK, i - slots.length)
  const block = pool.alloc()
  if (block !== -1) firstWord(block)[0] = i
  Atomics.store(slots, i % slots.length, block)
  Atomics.store(positions, TAKEN, i + 1)
  Atomics.notify(positions, TAKEN)
  return block !== -1
}

function giveBack(i) {
  waitBeyond(TAKEN, i)
  const block = Atomics.load(slots, i % slots.length)
  const isRight = block !== -1 && firstWord(block)[0] === i
  if (block !== -1) pool.free(block)
  Atomics.store(positions, GIVEN_BACK, i + 1)
  Atomics.notify(positions, GIVEN_BACK)
  return isRight
}

lineUp()
let wrong = 0
for (let i = 0; i < blocks; i++) if (!(takes ? take(i) : giveBack(i))) wrong++
report({ wrong })
