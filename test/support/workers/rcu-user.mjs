/**
 * Reads what another thread publishes, until the team is stopped; or publishes `turns` times.
 *
 * `index` names the current one of `blocks`, each of which is filled with one number. The writer fills another one, publishes it, waits
 * for a grace period (the control, `careless`, does not), and poisons the former one. A reader that meets the poison, or two numbers
 * in one block, has read memory that was used again. It says in `reads[slot]` how often it has read.
 */
import { workerData } from 'node:worker_threads'
import { Rcu } from '../../../lib/index.js'
import { isStopped, lineUp, report } from './team.mjs'

const { buffer, index, blocks, length, reads, slot, turns, careless } = workerData
const rcu = Rcu.from(buffer)
const POISON = -1
const MOST = 1e9

function isWhole(current) {
  const from = current * length
  const first = blocks[from]
  for (let i = from; i < from + length; i++) if (blocks[i] !== first || blocks[i] === POISON) return false
  return true
}

function read() {
  let wrong = 0
  for (let i = 0; i < MOST && !isStopped(); i++) {
    if (!rcu.read(() => isWhole(Atomics.load(index, 0)))) wrong++
    Atomics.store(reads, slot, i + 1)
  }
  return wrong
}

function write() {
  const count = blocks.length / length
  for (let turn = 1; turn <= turns; turn++) {
    const old = Atomics.load(index, 0)
    const next = (old + 1) % count
    blocks.fill(turn, next * length, (next + 1) * length)
    Atomics.store(index, 0, next)
    if (!careless) rcu.synchronize()
    blocks.fill(POISON, old * length, (old + 1) * length)
  }
  return 0
}

lineUp()
report(turns === undefined ? read() : write())
