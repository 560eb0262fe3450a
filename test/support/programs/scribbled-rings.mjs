// Uses rings while a Worker overwrites parts of them, header included, for a bounded number of rounds. Prints how
// many operations answered, and everything that went wrong.
import { Worker } from 'node:worker_threads'
import { PerCpuRing, RegionCorruptError } from '../../../lib/index.js'

const { seed } = JSON.parse(process.argv[2])
const OPERATIONS = 3000
const MOST_PROBLEMS = 20
const outcome = { operations: 0, errors: 0, records: 0, scribbles: 0, problems: [] }

const rings = ['cpu', 'concurrency'].flatMap((index) =>
  ['discard', 'overwrite'].flatMap((policy) =>
    [256, 8192].map((bytes) => new PerCpuRing(bytes, { index, policy })),
  ),
)
const bytes = new Uint8Array(40).fill(0xff)

/** What may be said of bytes that make no sense: that they are corrupt, or that somebody has the ring. */
function isExpected(error) {
  if (error instanceof RegionCorruptError) return true
  return (
    error instanceof Error &&
    /has stopped the ring|not stopped by this call|this one (is|has|holds|was)/.test(error.message)
  )
}

function look(record) {
  outcome.records++
  const isFine =
    record.bytes instanceof Uint8Array &&
    record.bytes.length <= 4096 &&
    record.cpu >= 0 &&
    record.thread > 0 &&
    typeof record.time === 'bigint'
  if (!isFine) throw new TypeError(`a record that is none: ${JSON.stringify(record)}`)
}

function attempt(operation) {
  try {
    operation()
    outcome.operations++
  } catch (error) {
    outcome.errors++
    if (!isExpected(error) && outcome.problems.length < MOST_PROBLEMS) outcome.problems.push(String(error))
  }
}

const control = new Int32Array(new SharedArrayBuffer(8))
const scribbler = new Worker(new URL('../workers/part-scribbler.mjs', import.meta.url), {
  workerData: { buffers: rings.map(({ buffer }) => buffer), control, seed },
})
const ended = new Promise((resolve, reject) => scribbler.once('exit', resolve).once('error', reject))
await new Promise((resolve) => scribbler.once('message', resolve))

for (let i = 0; i < OPERATIONS; i++) {
  const ring = rings[i % rings.length]
  for (let k = 0; k < 4; k++) attempt(() => ring.write(bytes.subarray(0, (i + k) % 41)))
  attempt(() => (ring.policy === 'discard' ? ring.drain(look, 100) : ring.snapshot().forEach(look)))
  if (i % 8 !== 0) continue
  attempt(() => ring.dropped)
  attempt(() => PerCpuRing.from(ring.buffer).write(bytes))
}
Atomics.store(control, 0, 1)
await ended
outcome.scribbles = Atomics.load(control, 1)
console.log(JSON.stringify(outcome))
