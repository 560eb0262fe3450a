// Locks mutexes while a Worker overwrites their words, for a bounded number of rounds. Prints how often that
// worked, and everything that went wrong.
import { Worker } from 'node:worker_threads'
import { Mutex, OwnerDiedError } from '../../../lib/index.js'

const ROUNDS = 300
const SCRIBBLES = 1000
const MOST_ROUNDS = 1e6
const MOST_PROBLEMS = 20
const outcome = { locked: 0, busy: 0, died: 0, scribbles: 0, problems: [] }
const mutexes = [new Mutex(), new Mutex()]

/** Whoever overwrites the owner's id may well say that it is this thread, or one that does not exist. */
function note(error) {
  if (error instanceof OwnerDiedError) outcome.died++
  else if (!error.message.includes('this thread has it already') && outcome.problems.length < MOST_PROBLEMS) {
    outcome.problems.push(String(error))
  }
  return error instanceof OwnerDiedError
}

const control = new Int32Array(new SharedArrayBuffer(8))
const scribbler = new Worker(new URL('../workers/scribbler.mjs', import.meta.url), {
  workerData: { buffers: mutexes.map(({ buffer }) => buffer), control },
})
const ended = new Promise((resolve, reject) => scribbler.once('exit', resolve).once('error', reject))
await new Promise((resolve) => scribbler.once('message', resolve))

async function tryOnce(mutex, round) {
  try {
    if (round % 50 === 0) await mutex.lockAsync()
    else if (!mutex.tryLock(round % 3)) return void outcome.busy++
    outcome.locked++
  } catch (error) {
    if (!note(error)) return
  }
  mutex.unlock()
}

const isEnough = (round) => round >= ROUNDS && Atomics.load(control, 1) >= SCRIBBLES
for (let round = 0; round < MOST_ROUNDS && !isEnough(round); round++) {
  for (const mutex of mutexes) await tryOnce(mutex, round)
}
Atomics.store(control, 0, 1)
await ended
// Nobody writes now: whatever is left there is free, or has an owner that does not exist.
for (const mutex of mutexes) {
  try {
    mutex.lock()
    outcome.locked++
    mutex.unlock()
  } catch (error) {
    if (note(error)) mutex.unlock()
  }
}
outcome.scribbles = Atomics.load(control, 1)
console.log(JSON.stringify(outcome))
