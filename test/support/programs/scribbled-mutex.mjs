// Locks mutexes while a Worker overwrites their words, for a bounded number of rounds. Prints how often that
// worked, and everything that went wrong.
import { Mutex, OwnerDiedError } from '../../../lib/index.js'
import { startScribbler } from '../scribbler.mjs'

const ROUNDS = 300
const SCRIBBLES = 1000
const MOST_ROUNDS = 1e6
const MOST_PROBLEMS = 20
const outcome = { locked: 0, busy: 0, died: 0, scribbles: 0, problems: [] }
const mutexes = [new Mutex(), new Mutex()]

/** Overwritten owners: this thread, threads that do not exist, and others. */
function note(error) {
  if (error instanceof OwnerDiedError) outcome.died++
  else if (!error.message.includes('this thread has it already') && outcome.problems.length < MOST_PROBLEMS) {
    outcome.problems.push(String(error))
  }
  return error instanceof OwnerDiedError
}

const scribbler = await startScribbler('scribbler', { buffers: mutexes.map(({ buffer }) => buffer) })

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

const isEnough = (round) => round >= ROUNDS && scribbler.scribbles() >= SCRIBBLES
for (let round = 0; round < MOST_ROUNDS && !isEnough(round); round++) {
  for (const mutex of mutexes) await tryOnce(mutex, round)
}
outcome.scribbles = await scribbler.end()
// The scribbler has ended: the lock is now free, or has an owner that does not exist.
for (const mutex of mutexes) {
  try {
    mutex.lock()
    outcome.locked++
    mutex.unlock()
  } catch (error) {
    if (note(error)) mutex.unlock()
  }
}
console.log(JSON.stringify(outcome))
