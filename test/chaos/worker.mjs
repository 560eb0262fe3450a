// A worker of the chaos: operates on every structure in random order, notes in the ledger what it is
// about to add and what it has added, and meets the fate it was given.
import { Session } from 'node:inspector'
import { parentPort, workerData } from 'node:worker_threads'
import { createRequire } from 'node:module'
import { operatorOf } from './operate.mjs'
import { makeRandom } from './random.mjs'
import { structures } from './structures.mjs'

const { buffers, ledger, slot, seed, fate, flags, supportFile } = workerData
const random = makeRandom(seed)
const operate = operatorOf(structures, { buffers, ledger, slot, random })
const STOP = 0

const fates = {
  finish: () => {},
  terminate: () => {},
  migrate: () => {},
  throw: () => {
    throw new Error('chaos')
  },
  'run out of memory': () => {
    const hoard = []
    // A megabyte in each turn. Faster, and V8 may need more than it has left before it can end the thread: then
    // it ends the process.
    const grow = () => {
      for (let k = 0; k < 125; k++) hoard.push(new Array(1000).fill(random()))
      setImmediate(grow)
    }
    grow()
  },
  profile: () => {},
}

if (fate === 'profile') {
  // V8's sampler interrupts this thread by SIGPROF every 100 us.
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.setSamplingInterval', { interval: 100 })
  session.post('Profiler.start')
}
parentPort.postMessage({ tid: createRequire(import.meta.url)(supportFile).gettid() })
// In bursts, between which the worker may be told to end. Some fates come earlier, from outside.
const bursts = 20 + Math.floor(random() * 200)
for (let burst = 0; burst < bursts && Atomics.load(flags, STOP) === 0; burst++) {
  for (let k = 0; k < 500; k++) operate()
}
fates[fate]()
