// Measures operations beside Atomics.add in the runtime that runs this program, and prints JSON:
// { info, rows: [{ title, nanoseconds, atomics }] }, with nanoseconds of CPU time for one operation.
//
// All contenders take turns in short rounds, so that what else the machine does falls on all of them; the medians count.
import { PerCpuCounter, PerCpuPool, PerCpuRing, info } from '../../lib/index.js'
import { median } from '../statistics.mjs'

const ROUNDS = 15
const TIMES = 300_000

const counter = new PerCpuCounter()
const doubles = new PerCpuCounter({ type: 'f64' })
const pool = new PerCpuPool({ blocks: 64, blockSize: 64 })
const ring = new PerCpuRing(1 << 16, { policy: 'overwrite' })
const record = new Uint8Array(64)
const word = new Int32Array(new SharedArrayBuffer(64))

// A function of its own for each, as functions with one source share what the compiler learns about them.
const CONTENDERS = [
  [
    'Atomics.add',
    (times) => {
      for (let i = 0; i < times; i++) Atomics.add(word, 0, 1)
    },
  ],
  [
    'counter.add',
    (times) => {
      for (let i = 0; i < times; i++) counter.add(1)
    },
  ],
  [
    'counter.add, f64',
    (times) => {
      for (let i = 0; i < times; i++) doubles.add(0.5)
    },
  ],
  [
    'pool.alloc + free',
    (times) => {
      for (let i = 0; i < times; i++) pool.free(pool.alloc())
    },
  ],
  [
    'ring.write, 64 bytes',
    (times) => {
      for (let i = 0; i < times; i++) ring.write(record)
    },
  ],
]

/** Nanoseconds of CPU time that this process has used. */
function used() {
  const { user, system } = process.cpuUsage()
  return 1000 * (user + system)
}

function measure(act) {
  const before = used()
  act(TIMES)
  return (used() - before) / TIMES
}

for (const [, act] of CONTENDERS) act(TIMES)
const samples = CONTENDERS.map(() => [])
for (let round = 0; round < ROUNDS; round++)
  for (const [k, [, act]] of CONTENDERS.entries()) samples[k].push(measure(act))
const atomics = median(samples[0])
const rows = CONTENDERS.map(([title], k) => {
  const nanoseconds = median(samples[k])
  return { title, nanoseconds, atomics: nanoseconds / atomics }
})
console.log(JSON.stringify({ info: info(), rows }))
