// Counts how many calls of a hot loop take V8's slow callback. Prints, for every loop of every
// thread, the calls that it should make, those that were made, and the slow ones of them.
//
// In its main thread, or in as many Workers as the input says.
import { readFileSync } from 'node:fs'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import {
  CounterBatch,
  Mutex,
  PerCpuCounter,
  PerCpuCounterArray,
  PerCpuHistogram,
  PerCpuLock,
  PerCpuPool,
  PerCpuArray,
  PerCpuStack,
  info,
} from '../../../lib/index.js'
import { defineMetrics } from '../../../lib/metrics/index.js'
import { readOperations } from '../../../scripts/generate-operations.mjs'
import { argumentsOf, fixtureOf, native } from '../operation-fixtures.mjs'

const CALLS = 200_000
const CHUNK = 1000
/**
 * Until when V8 has to optimize: when it finds time to, some ten chunks on an idle machine, and many
 * more on a loaded one. What it has optimized it may throw away again: the best of a few rounds counts.
 */
const {
  workers = 0,
  mostChunks = 20_000,
  mostRounds = 10,
} = isMainThread ? JSON.parse(process.argv[2]) : workerData

const ROWS = readOperations(readFileSync(new URL('../../../src/core/operations.ts', import.meta.url), 'utf8'))
const { fast } = native
const { slowCalls } = fast

/**
 * Runs a loop until it is optimized, then counts.
 *
 * @param loop - makes that many calls.
 * @param made - how many calls were made so far, as the counter itself says.
 */
function measure(name, loop, made) {
  let best = null
  for (let round = 0; round < mostRounds; round++) {
    let chunks = 0
    let before
    do {
      before = slowCalls()
      loop(CHUNK)
    } while (slowCalls() !== before && ++chunks < mostChunks)
    const [slowBefore, madeBefore] = [slowCalls(), made()]
    loop(CALLS)
    const slow = slowCalls() - slowBefore
    const counted = made() - madeBefore
    if (best === null || slow < best.slow) best = { name, calls: CALLS, made: counted, slow }
    if (slow === 0) break
  }
  return best
}

/**
 * A loop that calls an operation, in a function with a text of its own: functions of one text share V8's feedback. `tally`
 * counts the calls, whatever they answered: an attempt may be aborted.
 */
function loopOf(row, args, tally) {
  const names = row.parameters.map(({ name }) => name)
  const loop = new Function(
    'op',
    'tally',
    'n',
    ...names,
    `for (let k = 0; k < n; k++) if (op(${names.join(', ')}) !== 0.5) tally.made++ // ${row.name}`,
  )
  return (n) => loop(fast.operations[row.name], tally, n, ...args)
}

/** Every row of the table of hot operations. */
function rawLoops() {
  return ROWS.map((row) => {
    const fixture = fixtureOf(row.name).make('i64')
    fixture.reset(row.name)
    const tally = { made: 0 }
    return measure(row.name, loopOf(row, argumentsOf(row, fixture), tally), () => tally.made)
  })
}

/** What users call. */
function publicLoops() {
  const counter = new PerCpuCounter()
  const doubles = new PerCpuCounter({ type: 'f64' })
  const compact = new PerCpuCounter({ index: 'concurrency' })
  const array = new PerCpuCounterArray(100)
  const batched = new PerCpuCounterArray(10)
  const batch = new CounterBatch(batched)
  const [indices, deltas] = [Uint32Array.of(1, 2, 3), Float64Array.of(1, 1, 1)]
  const mutex = new Mutex()
  const lock = new PerCpuLock()
  const stack = new PerCpuStack(1000)
  const pool = new PerCpuPool({ blocks: 1000, blockSize: 8 })
  const ofWords = new PerCpuArray(2)
  let added = 0
  const metrics = defineMetrics({
    counters: { whole: { help: '' }, other: { help: '' } },
    histograms: { seconds: { help: '' } },
  }).create()
  const both = metrics.batch(metrics.other, metrics.seconds)
  const histogram = new PerCpuHistogram({ highest: 1024 })
  let [read, guarded, pushed, taken] = [0, 0, 0, 0]
  const loops = [
    measure(
      'PerCpuCounter.add',
      (n) => {
        for (let k = 0; k < n; k++) counter.add(2)
      },
      () => counter.value / 2,
    ),
    measure(
      'PerCpuCounter.increment',
      (n) => {
        for (let k = 0; k < n; k++) compact.increment()
      },
      () => compact.value,
    ),
    measure(
      'PerCpuCounter.add of fractions',
      (n) => {
        for (let k = 0; k < n; k++) doubles.add(0.5)
      },
      () => doubles.value * 2,
    ),
    measure(
      'PerCpuCounter.value',
      (n) => {
        for (let k = 0; k < n; k++) if (counter.value >= 0) read++
      },
      () => read,
    ),
    measure(
      'PerCpuCounterArray.add',
      (n) => {
        for (let k = 0; k < n; k++) array.add(k % 100, 1)
      },
      () => array.snapshot().reduce((sum, value) => sum + value),
    ),
    measure(
      'CounterBatch.commit',
      (n) => {
        for (let k = 0; k < n; k++) {
          batch.add(0, 1)
          batch.add(4, 2 ** 40)
          batch.commit()
        }
      },
      () => batched.get(0),
    ),
    measure(
      'PerCpuCounterArray.addMany',
      (n) => {
        for (let k = 0; k < n; k++) batched.addMany(indices, deltas)
      },
      () => batched.get(2),
    ),
    measure(
      'PerCpuArray.add',
      (n) => {
        for (let k = 0; k < n; k++) if (ofWords.add(0, 1) !== 0.5) added++
      },
      () => added,
    ),
    measure(
      'PerCpuStack.push and pop',
      (n) => {
        for (let k = 0; k < n; k++) {
          if (stack.push(k)) pushed++
          stack.pop()
        }
      },
      () => pushed,
    ),
    measure(
      'PerCpuPool.alloc and free',
      (n) => {
        for (let k = 0; k < n; k++) {
          const block = pool.alloc()
          if (block !== -1) taken++
          pool.free(block)
        }
      },
      () => taken,
    ),
    measure(
      'Counter.inc',
      (n) => {
        for (let k = 0; k < n; k++) metrics.whole.inc()
      },
      () => metrics.whole.value,
    ),
    measure(
      'MetricsBatch.commit',
      (n) => {
        for (let k = 0; k < n; k++) both.commit(2, 0.5)
      },
      () => metrics.seconds.value.count,
    ),
    measure(
      'PerCpuHistogram.record',
      (n) => {
        for (let k = 0; k < n; k++) histogram.record(k & 1023)
      },
      () => histogram.snapshot().count,
    ),
    measure(
      'Mutex.lock and unlock',
      (n) => {
        for (let k = 0; k < n; k++) {
          mutex.lock()
          guarded++
          mutex.unlock()
        }
      },
      () => guarded,
    ),
    measure(
      'PerCpuLock.lockThisCpu and unlock',
      (n) => {
        for (let k = 0; k < n; k++) {
          const cpu = lock.lockThisCpu()
          guarded++
          lock.unlock(cpu)
        }
      },
      () => guarded,
    ),
  ]
  return loops
}

function measureAll() {
  return [...rawLoops(), ...publicLoops()]
}

if (isMainThread) {
  const report = (worker) =>
    new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  const started = Array.from(
    { length: workers },
    () => new Worker(new URL(import.meta.url), { workerData: { mostChunks, mostRounds } }),
  )
  const threads = workers === 0 ? [measureAll()] : await Promise.all(started.map(report))
  console.log(JSON.stringify({ tier: info().tier, threads }))
} else {
  parentPort.postMessage(measureAll())
}
