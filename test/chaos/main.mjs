// Workers that start, work, are terminated, throw, run out of memory, are profiled and moved, while
// the process is stopped and continued. Others are terminated in the middle of each public call, and of the import of the
// package. Workers are on all tiers at a time. At the end every total must be what the workers confirmed, and no handle may be left open.
//
// V8 is to compile on the threads themselves (package.json has the flags). Else Node may end the process, by an assertion
// of its own: when a worker ends while another thread compiles for it, and runs into its heap's limit there.
// Usage: npm run chaos -- [--minutes N | --seconds N] [--workers N] [--tiers NAME...] [--seed N] [--lose N] [--leak N]
//        npm run chaos -- --processes N... [--threads N] [--minutes N | --seconds N] [--seed N] [--lose N] [--plain] [--no-reclaim]
//        npm run chaos -- --terminations
// The second starts processes instead, N at a time, which are killed by SIGKILL: see processes.mjs. The third terminates 50 workers in each public call and 1,000 during the import, on each tier, and nothing else.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import cliProgress from 'cli-progress'
import { InvalidArgumentError, Option, program } from 'commander'
import { info, PerCpuCounter } from '../../lib/index.js'
import { loadNative } from '../../lib/native/binding.js'
import { terminableCalls } from '../support/public-calls.mjs'
import { terminateInCall, terminateInImport, turnsOfImport } from '../support/terminations.mjs'
import { Mover, stopAndContinue } from './disturbances.mjs'
import { ledgerBytes, sumsOf, verdictOf } from './ledger.mjs'
import { killProcesses } from './processes.mjs'
import { makeRandom } from './random.mjs'
import { structures } from './structures.mjs'

const FATES = ['finish', 'terminate', 'throw', 'run out of memory', 'profile', 'migrate']
const SLOTS = 1 << 16
/** How a worker is told its tier. */
const TIERS = {
  fast: { RSEQ_TIER: 'fast' },
  napi: { RSEQ_TIER: 'napi' },
  portable: { RSEQ_BACKEND: 'portable' },
}
/** Workers at a time that are there to be terminated in a call or in the import. */
const TERMINATED = 2
const EACH_CALL = 50
const IMPORTS = 1000
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
  .addOption(
    new Option('--tiers <names...>', 'tiers of the workers')
      .choices(Object.keys(TIERS))
      .default(Object.keys(TIERS)),
  )
  .option('--lose <n>', 'loses so many additions on purpose: the run must fail', positive)
  .option('--leak <n>', 'leaves so many handles open on purpose: the run must fail', positive)
  .addOption(
    new Option(
      '--processes <n...>',
      'kills processes, so many at a time, one number after the other',
    ).argParser((value, before = []) => [...before, positive(value)]),
  )
  .option('--threads <n>', 'of each process', positive, 2)
  .option('--plain', 'with --processes: adds one structure of plain loads and stores: the run must fail')
  .option('--no-reclaim', 'with --processes: leaves what dead processes held: the run must fail')
  .option(
    '--terminations',
    'terminates workers in each public call and in imports, on each tier, and nothing else',
  )
  .parse()
  .opts()

/** Terminates workers in each public call and in imports; true if the process lived and no handle was left. */
function terminateEverywhere(tier) {
  const input = JSON.stringify({ inCalls: EACH_CALL, inImports: IMPORTS, seed: options.seed })
  const file = fileURLToPath(new URL('../support/programs/terminations.mjs', import.meta.url))
  const env = { ...process.env, ...TIERS[tier] }
  const { status, signal, stdout } = spawnSync(process.execPath, [file, input], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) {
    console.log(
      `chaos: WRONG: on the tier ${tier} the process ended with ${signal ?? status} (seed ${options.seed})`,
    )
    return false
  }
  const { calls, terminated, failures, before, after } = JSON.parse(stdout)
  const isRight = failures.length === 0 && after <= before
  console.log(
    `${tier}: ${terminated} workers terminated in ${calls.length} calls and in imports; handles ${before} before, ${after} after` +
      (isRight ? '' : `: WRONG ${failures.join('; ')}`),
  )
  return isRight
}

if (options.terminations) {
  process.exit(options.tiers.map(terminateEverywhere).every(Boolean) ? 0 : 1)
}

if (options.processes !== undefined) {
  process.exit(await killProcesses({ ...options, seconds: options.seconds ?? 60 * (options.minutes ?? 1) }))
}

const openHandles = () => (info().backend === 'native' ? loadNative().openHandles() : 0)
const seconds = options.seconds ?? 60 * (options.minutes ?? 1)
const random = makeRandom(options.seed)
const made = structures.map((structure) => structure.make())
const buffers = made.map((object) => object.buffer)
const taken = structures.map(() => 0)
const ledger = new SharedArrayBuffer(ledgerBytes(SLOTS, structures.length))
const flags = new Int32Array(new SharedArrayBuffer(4))
const mover = new Mover(supportFile)
const met = Object.fromEntries(FATES.map((fate) => [fate, 0]))
const live = new Map()
let slots = 0
let inCalls = 0
let inImports = 0

const oneOf = (values) => values[Math.floor(random() * values.length)]
const calls = terminableCalls()
const handlesBefore = openHandles()

/** One worker, from start to its end. */
function startWorker() {
  const fate = oneOf(FATES)
  const slot = slots++
  const worker = new Worker(new URL('worker.mjs', import.meta.url), {
    workerData: { buffers, ledger, slot, seed: random() * 2 ** 32, fate, flags, supportFile },
    env: { ...process.env, ...TIERS[oneOf(options.tiers)] },
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

/** Terminates workers in the middle of calls and imports until time is up. */
async function keepTerminating(deadline, turns) {
  while (performance.now() < deadline) {
    const env = TIERS[oneOf(options.tiers)]
    if (random() < 0.25) {
      inImports++
      await terminateInImport(random, turns, { env })
    } else {
      inCalls++
      await terminateInCall(random, oneOf(calls), { env })
    }
  }
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
  const total = structure.total(made[i]) + taken[i] - (i === 0 ? (options.lose ?? 0) : 0)
  return verdictOf(structure, sumsOf(ledger, slots, i, structures.length), total)
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
const turns = await turnsOfImport()
const letRun = stopAndContinue()
const deadline = begin + seconds * 1000
await Promise.all([
  ...Array.from({ length: options.workers }, () => keepWorking(deadline)),
  ...Array.from({ length: TERMINATED }, () => keepTerminating(deadline, turns)),
])
clearInterval(disturbing)
await letRun()
bar.stop()

const verdicts = structures.map(judge)
console.table(verdicts)
console.log(
  `${slots} workers met: ${FATES.map((fate) => `${fate} ${met[fate]}`).join(', ')}; ${mover.moves} moves between CPUs`,
)
console.log(`${inCalls} workers were terminated in public calls, ${inImports} during the import`)
globalThis.leaked = Array.from({ length: options.leak ?? 0 }, () => new PerCpuCounter())
const left = openHandles() - handlesBefore
if (left > 0) console.log(`chaos: LEAK: ${left} handles are open that were not before`)
const wrong = verdicts.filter(({ right }) => !right)
const idle = verdicts.filter(({ confirmed }) => confirmed === 0)
console.log(
  wrong.length + idle.length === 0
    ? `chaos: every total is exact${left > 0 ? '' : ', and no handle is left'}`
    : `chaos: WRONG (seed ${options.seed}): ${JSON.stringify([...wrong, ...idle])}`,
)
process.exitCode = wrong.length + idle.length === 0 && left <= 0 ? 0 : 1
