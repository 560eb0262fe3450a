// Workers that are terminated in the middle of a public call, or of the import of the package.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { buildSync } from 'esbuild'
import { turn } from './team.mjs'

const MOST_TURNS = 30
const BINARY = new URL('../../lib/native/binary.js', import.meta.url).href
const LIB = new URL('../../lib/index.js', import.meta.url).href
const IMPORTER = `
  const { workerData } = require('node:worker_threads')
  Atomics.store(workerData.signal, 0, 1)
  Atomics.notify(workerData.signal, 0)
  import(workerData.lib)`

let caller

/**
 * The file of the workers that make calls: `workers/caller.mjs` and all that it imports, the package included, as one
 * script. A worker starts it in less than half of the time that the modules take. Workers that are terminated in the import
 * load the package itself.
 */
function callerFile() {
  if (caller !== undefined) return caller
  const directory = mkdtempSync(join(tmpdir(), 'rseq-caller-'))
  process.once('exit', () => rmSync(directory, { recursive: true }))
  caller = join(directory, 'caller.cjs')
  buildSync({
    entryPoints: [fileURLToPath(new URL('workers/caller.mjs', import.meta.url))],
    outfile: caller,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    packages: 'external',
    // What looks for the addon finds it as from its own place.
    define: { 'import.meta.url': JSON.stringify(BINARY) },
    logLevel: 'error',
  })
  return caller
}

/** A worker, a promise of its signal, and one of its end: it tells the error that ended it, or null. */
function start(source, workerData, env, options = {}) {
  const signal = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(source, {
    workerData: { signal, ...workerData },
    env: { ...process.env, ...env },
    ...options,
  })
  let failure = null
  worker.on('error', (error) => (failure = error))
  const ended = new Promise((resolve) => worker.once('exit', () => resolve(failure)))
  const { async, value } = Atomics.waitAsync(signal, 0, 0)
  return { worker, ended, signalled: async ? value : Promise.resolve() }
}

/** Lets a random number of turns of the event loop go by. */
async function someTurns(random, most) {
  for (let left = Math.floor(random() * most); left > 0; left--) await turn()
}

/**
 * Terminates a worker in a call, which `public-calls.mjs` names, or in the careless one of the addon in `supportFile`.
 * Returns the error that ended the worker before, or null.
 */
export async function terminateInCall(random, name, { supportFile, env } = {}) {
  const { worker, ended, signalled } = start(callerFile(), { name, supportFile }, env)
  await Promise.race([signalled, ended])
  await someTurns(random, MOST_TURNS)
  await worker.terminate()
  return ended
}

/** How many turns of this event loop an import takes in a worker. */
export async function turnsOfImport() {
  const { ended, signalled } = start(IMPORTER, { lib: LIB }, {}, { eval: true })
  await signalled
  let turns = 0
  let isOver = false
  void ended.then(() => (isOver = true))
  for (; !isOver; turns++) await turn()
  return turns
}

/** Terminates a worker while it imports the package, `most` turns after it began at the latest. */
export async function terminateInImport(random, most, { env } = {}) {
  const { worker, ended, signalled } = start(IMPORTER, { lib: LIB }, env, { eval: true })
  await signalled
  await someTurns(random, most)
  await worker.terminate()
  return ended
}

/** Runs `jobs`, functions that return promises, so many at a time. */
export async function runAll(jobs, lanes) {
  const queue = jobs.values()
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (const job of queue) await job()
    }),
  )
}
