// Workers that start, work, are terminated, throw, run out of memory, are profiled and moved, while
// the process is stopped and continued. At the end every total must be what the workers confirmed.
//
// V8 is to compile on the threads themselves (package.json has the flags). Else Node may end the process, by an assertion
// of its own: when a worker ends while another thread compiles for it, and runs into its heap's limit there.
// Usage: npm run chaos -- [--minutes N | --seconds N] [--workers N] [--seed N] [--lose N]
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import cliProgress from 'cli-progress'
import { InvalidArgumentError, program } from 'commander'
import { Mover, stopAndContinue } from './disturbances.mjs'
import { Column, columnsOf, makeLedger } from './ledger.mjs'
import { makeRandom } from './random.mjs'
import { structures } from './structures.mjs'

const FATES = ['finish', 'terminate', 'throw', 'run out of memory', 'profile', 'migrate']
const SLOTS = 1 << 16
const supportFile = fileURLToPath(
  new URL('../../native/test/support/build/Release/test_support.node', import.meta.url),
)

function positive(value) {
  const number = Number(value)
  if (!(number > 0)) throw new InvalidArgumentError('Expected a number above 0.')
  return number
}

const options = program
  .option('--minutes <n>', 'how long', positive)
  .option('--seconds <n>', 'how long, instead', positive)
  .option('--workers <n>', 'workers at a time', positive, 6)
  .option('--seed <n>', 'repeats the choices of a run', positive, (Date.now() % 1e9) + 1)
  .option('--lose <n>', 'loses so many additions on purpose: the run must fail', positive)
  .parse()
  .opts()

const seconds = options.seconds ?? 60 * (options.minutes ?? 1)
const random = makeRandom(options.seed)
const made = structures.map((structure) => structure.make())
const buffers = made.map((object) => object.buffer)
const taken = structures.map(() => 0)
const ledger = makeLedger(SLOTS)
const flags = new Int32Array(new SharedArrayBuffer(4))
const mover = new Mover(supportFile)
const met = Object.fromEntries(FATES.map((fate) => [fate, 0]))
const live = new Map()
let slots = 0

/** One worker, from start to its end. */
function startWorker() {
  const fate = FATES[Math.floor(random() * FATES.length)]
  const slot = slots++
  const worker = new Worker(new URL('worker.mjs', import.meta.url), {
    workerData: { buffers, ledger, slot, seed: random() * 2 ** 32, fate, flags, supportFile },
    resourceLimits: { maxOldGenerationSizeMb: 24 },
    stderr: true,
  })
  worker.once('message', ({ tid }) => {
    live.set(worker, tid)
    if (fate === 'terminate') setTimeout(() => worker.terminate(), random() * 50)
  })
  return new Promise((resolve) => {
    // Errors are the fate of some workers; the ledger tells whether they did harm.
    worker.on('error', () => {})
    worker.once('exit', () => {
      live.delete(worker)
      met[fate]++
      resolve()
    })
  })
}

/** Starts the next worker when one ends, until time is up. */
async function keepWorking(deadline) {
  while (performance.now() < deadline && slots < SLOTS) await startWorker()
}

/** Moves threads and resets counters, as long as there are workers. */
function disturb() {
  for (const tid of live.values()) mover.move(tid)
  structures.forEach((structure, i) => {
    taken[i] += structure.disturb?.(made[i]) ?? 0
  })
}

/** What the ledger and a structure say. */
function judge(structure, i) {
  let begun = 0
  let confirmed = 0
  for (let slot = 0; slot < slots; slot++) {
    const columns = columnsOf(ledger, slot, i)
    begun += columns[Column.begun]
    confirmed += columns[Column.confirmed]
  }
  const total = structure.total(made[i]) + taken[i] - (i === 0 ? (options.lose ?? 0) : 0)
  return {
    structure: structure.name,
    confirmed,
    total,
    'in flight': begun - confirmed,
    right: total >= confirmed && total <= begun,
  }
}

const bar = new cliProgress.SingleBar(
  { format: '{bar} {value}/{total} s, {workers} workers' },
  cliProgress.Presets.shades_classic,
)
if (process.stderr.isTTY) bar.start(Math.ceil(seconds), 0, { workers: 0 })
const begin = performance.now()
const disturbing = setInterval(() => {
  disturb()
  bar.update(Math.min(Math.ceil(seconds), Math.floor((performance.now() - begin) / 1000)), { workers: slots })
}, 5)
const letRun = stopAndContinue()
await Promise.all(Array.from({ length: options.workers }, () => keepWorking(begin + seconds * 1000)))
clearInterval(disturbing)
await letRun()
bar.stop()

const verdicts = structures.map(judge)
console.table(verdicts)
console.log(
  `${slots} workers met: ${FATES.map((fate) => `${fate} ${met[fate]}`).join(', ')}; ${mover.moves} moves between CPUs`,
)
const wrong = verdicts.filter(({ right }) => !right)
const idle = verdicts.filter(({ confirmed }) => confirmed === 0)
console.log(
  wrong.length + idle.length === 0
    ? 'chaos: every total is exact'
    : `chaos: WRONG (seed ${options.seed}): ${JSON.stringify([...wrong, ...idle])}`,
)
process.exitCode = wrong.length + idle.length === 0 ? 0 : 1
