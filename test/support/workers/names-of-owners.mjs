/**
 * Pushes to or pops from the overflow stack of a stack, `steps` times, and before that says how a thread calls itself:
 * Node's number and the kernel's number of the thread, and the word that it writes as the owner of a lock.
 *
 * `job`: 'push' pushes 1, 2, 3 and so on; 'pop' pops. Reports how many were pushed, or what was popped.
 */
import { readlinkSync } from 'node:fs'
import { threadId, workerData } from 'node:worker_threads'
import { Mutex, PerCpuStack } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { job, mutex, buffer, steps } = workerData

const lock = Mutex.from(mutex)
lock.lock()
const words = new Uint32Array(mutex)
const state = new BigUint64Array(mutex, words[9], 1)[0]
lock.unlock()
lineUp({ threadId, task: Number(readlinkSync('/proc/thread-self').split('/').pop()), name: `${state}` })
const stack = PerCpuStack.from(buffer)
const popped = []
let pushed = 0
for (let step = 0; step < steps; step++) {
  if (job === 'push' && stack.push(pushed + 1)) pushed++
  const value = job === 'pop' ? stack.pop() : undefined
  if (value !== undefined) popped.push(value)
}
report({ pushed, popped })
