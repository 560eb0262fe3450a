/**
 * Takes locks of CPUs, in the way that `how` says; `guarded` has a line of words for each of them.
 *
 *  - `count`: adds 1 to the first word of its CPU's line, `adds` times, by a plain load and store; not
 *    `locked`, it is the control. `cpu` pins it first, by the addon in `supportFile`.
 *  - `pairs`: adds 1 to two words there, until it is terminated; counts in `confirmed[slot]`, in `deaths[0]` how
 *    often the owner before it had ended in between, and in `deaths[1]` what should not be.
 *  - `hold`: takes the lock of the CPU that it is on (of `cpu`, if it is pinned), says which, and when it may go
 *    on, ends as `end` says, or waits to be terminated.
 */
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'
import { OwnerDiedError, PerCpuLock, cpuId } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const {
  how,
  buffer,
  guarded,
  confirmed,
  deaths,
  slot,
  adds,
  locked = true,
  end,
  cpu,
  supportFile,
} = workerData
const WORDS_PER_LINE = 16
const MOST = 1e9

if (cpu !== undefined) createRequire(import.meta.url)(supportFile).setAffinity(0, [cpu])
const lock = PerCpuLock.from(buffer)

/** Up to a microsecond, in which the thread may lose its CPU or its life. */
function work(turns) {
  let sum = 0
  for (let i = 0; i < turns; i++) sum += i
  return sum
}

/** @returns the CPU, and whether this is the first lock after an owner that had ended. */
function lockAfterAnyone() {
  try {
    return { mine: lock.lockThisCpu(), isFirst: false }
  } catch (error) {
    if (!(error instanceof OwnerDiedError)) throw error
    return { mine: error.cpu, isFirst: true }
  }
}

const ways = {
  count() {
    lineUp()
    for (let i = 0; i < adds; i++) {
      const mine = locked ? lock.lockThisCpu() : cpuId()
      const at = mine * WORDS_PER_LINE
      const before = guarded[at]
      guarded[at + 1] = work(20)
      guarded[at] = before + 1
      if (locked) lock.unlock(mine)
    }
    report()
  },

  pairs() {
    lineUp()
    for (let i = 1; i <= MOST; i++) {
      const { mine, isFirst } = lockAfterAnyone()
      const at = mine * WORDS_PER_LINE
      if (isFirst) {
        Atomics.add(deaths, 0, 1)
        guarded[at + 1] = guarded[at]
      }
      if (guarded[at] !== guarded[at + 1]) Atomics.add(deaths, 1, 1)
      guarded[at] = guarded[at] + 1
      guarded[at + 2] = work(1000)
      guarded[at + 1] = guarded[at + 1] + 1
      lock.unlock(mine)
      Atomics.store(confirmed, slot, i)
    }
  },

  hold() {
    lineUp(lock.lockThisCpu())
    if (end === 'throw') throw new Error('on purpose')
    if (end === 'exit') process.exit(0)
    if (end === 'wait') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  },
}

ways[how]()
