// One thread of a team: runs a contender for a slice of time on request, and posts the results.
import { parentPort, workerData } from 'node:worker_threads'
import { info } from '../lib/index.js'
import { contenders } from './contenders.mjs'
import { median } from './statistics.mjs'
import { limits } from './limits.mjs'
import { makeShared, openScope, slowCalls } from './scope.mjs'

const shared = workerData.shared ?? makeShared()
const scope = openScope(shared, workerData.member)
const WARM_UP_MS = workerData.quick ? 1 : 40
/** Nanoseconds between two readings of the clock. A reading costs about 50 ns. */
const CHUNK_NS = 50_000

const known = new Map()

/** Compiles a contender and runs it until V8 has optimized it. The result's `chunk` is the number of operations of a chunk. */
async function prepare(name) {
  const contender = contenders.find((candidate) => candidate.name === name)
  const all = { ...scope, ...contender.prepare?.(scope) }
  const run = new Function(...Object.keys(all), `return function run(n) { ${contender.code} }`)(
    ...Object.values(all),
  )
  const inSteps = (operations) => Math.max(1, Math.round(operations / contender.step)) * contender.step
  let size = inSteps(100)
  const end = performance.now() + WARM_UP_MS
  let cost = 0
  do {
    const start = limits.threadTime()
    // Only contenders that wait return a promise, because awaiting costs time.
    const result = run(size)
    if (result instanceof Promise) await result
    const time = limits.threadTime() - start
    cost = time / size
    if (time < CHUNK_NS) size = inSteps(2 * size)
  } while (performance.now() < end)
  return { run, chunk: inSteps(CHUNK_NS / cost), counts: contender.counts, tells: contender.tells }
}

async function prepared(name) {
  const found = known.get(name) ?? (await prepare(name))
  known.set(name, found)
  return found
}

/** Waits until all members of the team have arrived. The last member wakes the others. */
function meet(barrier, members) {
  if (Atomics.add(barrier, 0, 1) + 1 === members) {
    Atomics.store(barrier, 1, 1)
    Atomics.notify(barrier, 1)
  } else {
    Atomics.wait(barrier, 1, 0, 10_000)
  }
}

/** Runs a slice and measures it. `typical` is the median cost of an operation over the slice's chunks, in nanoseconds. */
async function measure({ name, members, milliseconds, barrier }) {
  const { run, chunk, counts, tells } = await prepared(name)
  meet(barrier, members)
  const slow = slowCalls()
  const wallStart = performance.now()
  const start = limits.threadTime()
  const end = wallStart + milliseconds
  let operations = 0
  let time = 0
  const costs = []
  do {
    const result = run(chunk)
    if (result instanceof Promise) await result
    const made = counts ? result : chunk
    operations += made
    const before = time
    time = tells ? before + result : limits.threadTime() - start
    costs.push((time - before) / Math.max(1, made))
  } while (performance.now() < end)
  // A contender that counts its operations may have made none.
  operations = Math.max(1, operations)
  const wall = (performance.now() - wallStart) * 1e6
  return { operations, time, typical: median(costs), wall, slow: slowCalls() - slow }
}

parentPort.on('message', async (slice) => parentPort.postMessage(await measure(slice)))
parentPort.postMessage({ shared, tier: info().tier })
