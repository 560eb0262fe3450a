// Uses pools while a Worker overwrites parts of them, header included, for a bounded number of rounds. Prints how
// many operations answered, and everything that went wrong.
import { Worker } from 'node:worker_threads'
import { PerCpuPool, RegionCorruptError, info } from '../../../lib/index.js'

const { seed } = JSON.parse(process.argv[2])
const OPERATIONS = 3000
const MOST_PROBLEMS = 20
const outcome = { operations: 0, errors: 0, scribbles: 0, problems: [] }

const pools = ['cpu', 'concurrency'].flatMap((index) =>
  [false, true].map((checked) => new PerCpuPool({ blocks: 20, blockSize: 16, cache: 4, checked, index })),
)
const cpus = info().possibleCpus

/** What may be said of bytes that make no sense: that they are corrupt, that somebody has the pool, or not the block. */
function isExpected(error) {
  if (error instanceof RegionCorruptError) return true
  return (
    error instanceof Error &&
    /has stopped the pool|itself, and has not let it go|alloc\(\) has given out|this one (is|has|holds|was)/.test(
      error.message,
    )
  )
}

/** The answer, if it is one that may be. */
function attempt(operation, isFine) {
  try {
    const answer = operation()
    outcome.operations++
    if (!isFine(answer)) throw new TypeError(`answered ${String(answer)}`)
    return answer
  } catch (error) {
    outcome.errors++
    if (!isExpected(error) && outcome.problems.length < MOST_PROBLEMS) outcome.problems.push(String(error))
    return undefined
  }
}

const isBlock = (answer) => Number.isInteger(answer) && answer >= -1 && answer < 20
const isCount = (answer) => Number.isInteger(answer) && answer >= 0
const isView = (answer) => answer instanceof Uint8Array && answer.length === 16
const isNothing = (answer) => answer === undefined

const control = new Int32Array(new SharedArrayBuffer(8))
const scribbler = new Worker(new URL('../workers/part-scribbler.mjs', import.meta.url), {
  workerData: { buffers: pools.map(({ buffer }) => buffer), control, seed },
})
const ended = new Promise((resolve, reject) => scribbler.once('exit', resolve).once('error', reject))
await new Promise((resolve) => scribbler.once('message', resolve))

for (let i = 0; i < OPERATIONS; i++) {
  const pool = pools[i % pools.length]
  const blocks = [0, 1, 2].map(() => attempt(() => pool.alloc(), isBlock) ?? -1)
  for (const block of blocks.filter((block) => block !== -1)) {
    attempt(() => pool.view(block).fill(i), isView)
    attempt(() => pool.free(block), isNothing)
  }
  attempt(() => pool.free(i % 20), isNothing)
  if (i % 8 !== 0) continue
  attempt(() => pool.available, isCount)
  attempt(() => pool.flush((i / 8) % cpus), isCount)
  attempt(() => PerCpuPool.from(pool.buffer).available, isCount)
}
Atomics.store(control, 0, 1)
await ended
outcome.scribbles = Atomics.load(control, 1)
console.log(JSON.stringify(outcome))
