/**
 * Locks a mutex, in the way that `how` says:
 *
 *  - `count`: adds 1 to guarded[0], `adds` times, by a plain load and store; not `locked`, it is the control.
 *  - `pairs`: adds 1 to both guarded words, until it is terminated; counts in `confirmed[slot]`, and in
 *    `deaths[0]` how often the owner before it had ended in between.
 *  - `hold`: takes the mutex, says hello, and when it may go on, ends as `end` says, or waits to be terminated.
 *  - `wait`: says hello, and when it may go on, waits for the mutex. Reports the name of the error, or null.
 */
import { workerData } from 'node:worker_threads'
import * as rseq from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { how, buffer, guarded, confirmed, deaths, slot, adds, locked = true, end, waits = 0 } = workerData
const mutex = rseq.Mutex.from(buffer)
const MOST = 1e9

/** Up to a microsecond, in which the thread may lose its CPU or its life. */
function work(turns) {
  let sum = 0
  for (let i = 0; i < turns; i++) sum += i
  return sum
}

function addOne() {
  const before = guarded[0]
  guarded[2] = work(20)
  guarded[0] = before + 1
}

/** @returns whether it was the first to lock after an owner that had ended. */
function lockAfterAnyone() {
  try {
    mutex.lock()
    return false
  } catch (error) {
    if (!(error instanceof rseq.OwnerDiedError)) throw error
    return true
  }
}

const ways = {
  count() {
    lineUp()
    for (let i = 0; i < adds; i++) {
      if (locked) mutex.lock()
      addOne()
      if (locked) mutex.unlock()
    }
    report()
  },

  pairs() {
    lineUp()
    for (let i = 1; i <= MOST; i++) {
      if (lockAfterAnyone()) {
        Atomics.add(deaths, 0, 1)
        guarded[1] = guarded[0]
      }
      if (guarded[0] !== guarded[1]) Atomics.add(deaths, 1, 1)
      guarded[0] = guarded[0] + 1
      guarded[2] = work(1000)
      guarded[1] = guarded[1] + 1
      mutex.unlock()
      Atomics.store(confirmed, slot, i)
    }
  },

  hold() {
    mutex.lock()
    lineUp('held')
    if (end === 'throw') throw new Error('on purpose')
    if (end === 'exit') process.exit(0)
    if (end === 'unlock') {
      // Long enough to be waited for, and nothing depends on how long.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, waits)
      mutex.unlock()
      report()
    }
    if (end === 'wait') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  },

  wait() {
    lineUp()
    const name = lockAfterAnyone() ? 'OwnerDiedError' : null
    mutex.unlock()
    report(name)
  },
}

ways[how]()
