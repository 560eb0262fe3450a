// Counts how many calls of a hot loop take V8's slow callback. Prints, for every loop of every
// thread, the calls that it should make, those that were made, and the slow ones of them.
//
// In its main thread, or in as many Workers as the input says.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import {
  CounterBatch,
  Mutex,
  PerCpuCounter,
  PerCpuCounterArray,
  PerCpuHistogram,
  PerCpuLock,
  PerCpuList,
  PerCpuPool,
  PerCpuRing,
  PerCpuArray,
  PerCpuStack,
  info,
} from '../../../lib/index.js'
import { defineMetrics } from '../../../lib/metrics/index.js'
import { loadNative } from '../../../lib/native.js'

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

const native = loadNative()
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

/** The operations themselves. */
function rawLoops() {
  const { counterAdd, counterAddInt32, counterAddFloat64, counterGet } = fast.operations
  const { batchTrySums, batchAddSums, batchCommit } = fast.operations
  const { counterSet, countedAdd, mutexTryLock, mutexUnlock, stackTryPush, stackTryPop } = fast.operations
  const { cpuLockTry, cpuLockUnlock, poolAlloc, poolFree, ringTryWrite } = fast.operations
  const { arrayAct, arrayTryAddInt32, arrayTryAdd, arrayTryExchange } = fast.operations
  const { arrayTryCompareExchange, arrayTryLoad } = fast.operations
  const { listPush, listTryPush, listPop, listTryPop } = fast.operations
  const { openRegion, openBatch, openMutex, openCpuLock, openRing, openArray } = native
  const words = openArray(new Uint8Array(new PerCpuArray(2).buffer))
  let acted = 0
  const whole = new PerCpuCounterArray(8)
  const { handle, keeper } = openRegion(new Uint8Array(whole.buffer), 1)
  const capacity = 4
  const room = 16
  const memory = new ArrayBuffer(16 * capacity + 4 * room)
  const sums = new Int32Array(memory, 16 * capacity)
  // The first entry: add 1 to counter 3.
  new Int32Array(memory, 8 * capacity).set([3, 1])
  const batch = openBatch(handle, memory, capacity, 0, whole.length)
  const mutex = openMutex(new Uint8Array(new Mutex().buffer))
  const locks = openCpuLock(new Uint8Array(new PerCpuLock().buffer))
  let got = 0
  const stack = openRegion(new Uint8Array(new PerCpuStack(4).buffer), 2)
  const pool = openRegion(new Uint8Array(new PerCpuPool({ blocks: 4, blockSize: 8 }).buffer), 4)
  const recorder = new PerCpuRing(1 << 12, { policy: 'overwrite' })
  const ring = openRing(new Uint8Array(recorder.buffer), new Uint8Array(4096))
  let [set, tried, unlocked, pushed, popped, freed, written] = [0, 0, 0, 0, 0, 0, 0]
  const list = openRegion(new Uint8Array(new PerCpuList({ nodes: 4, payloadSize: 8 }).buffer), 3)
  let [linked, unlinked] = [0, 0]
  const loops = [
    measure(
      'counterAdd',
      (n) => {
        for (let k = 0; k < n; k++) counterAdd(handle, 0, 1.5 * 2)
      },
      () => whole.get(0) / 3,
    ),
    measure(
      'counterAddInt32',
      (n) => {
        for (let k = 0; k < n; k++) if (counterAddInt32(handle, 0, 1) !== 0) counterAdd(handle, 0, 1)
      },
      () => whole.get(0),
    ),
    measure(
      'counterAddFloat64',
      (n) => {
        for (let k = 0; k < n; k++)
          if (counterAddFloat64(handle, 1, 2 ** 33) !== 0) counterAdd(handle, 1, 2 ** 33)
      },
      () => whole.get(1) / 2 ** 33,
    ),
    measure(
      'counterGet',
      (n) => {
        for (let k = 0; k < n; k++) if (counterGet(handle, 2) === 0) got++
      },
      () => got,
    ),
    measure(
      'batchCommit',
      (n) => {
        for (let k = 0; k < n; k++) batchCommit(batch.handle, 1)
      },
      () => whole.get(3),
    ),
    measure(
      'batchTrySums',
      (n) => {
        for (let k = 0; k < n; k++) {
          sums[4] = 1
          if (batchTrySums(batch.handle, room) !== room) batchAddSums(batch.handle)
        }
      },
      () => whole.get(4),
    ),
    measure(
      'batchAddSums',
      (n) => {
        for (let k = 0; k < n; k++) {
          sums[5] = 1
          batchAddSums(batch.handle)
        }
      },
      () => whole.get(5),
    ),
    // Whatever they answer: an attempt may be aborted, and the thread moved in between.
    measure(
      'stackTryPush',
      (n) => {
        for (let k = 0; k < n; k++) if (stackTryPush(stack.handle, k) >= 0) pushed++
      },
      () => pushed,
    ),
    measure(
      'stackTryPop',
      (n) => {
        for (let k = 0; k < n; k++) if (stackTryPop(stack.handle) !== 0.5) popped++
      },
      () => popped,
    ),
    ...[
      ['arrayAct', () => arrayAct(words.handle, 2, 1, 1, 0)],
      ['arrayTryAddInt32', () => arrayTryAddInt32(words.handle, 1, 1)],
      ['arrayTryAdd', () => arrayTryAdd(words.handle, 1, 2)],
      ['arrayTryExchange', (k) => arrayTryExchange(words.handle, 1, k)],
      ['arrayTryCompareExchange', (k) => arrayTryCompareExchange(words.handle, 1, k - 1, k)],
      ['arrayTryLoad', () => arrayTryLoad(words.handle, 1)],
    ].map(([name, call]) =>
      measure(
        name,
        (n) => {
          for (let k = 0; k < n; k++) if (call(k) !== 0.5) acted++
        },
        () => acted,
      ),
    ),
    measure(
      'poolAlloc and poolFree',
      (n) => {
        for (let k = 0; k < n; k++) if (poolFree(pool.handle, poolAlloc(pool.handle)) === 0) freed++
      },
      () => freed,
    ),
    // Whatever they answer, as above; on a list that is empty or not.
    measure(
      'listTryPush and listTryPop',
      (n) => {
        for (let k = 0; k < n; k++)
          if (listTryPush(list.handle, 1) >= 0 && listTryPop(list.handle) < 4) linked++
      },
      () => linked,
    ),
    measure(
      'listPush and listPop',
      (n) => {
        for (let k = 0; k < n; k++) if (listPush(list.handle, 1) >= 0 && listPop(list.handle) < 4) unlinked++
      },
      () => unlinked,
    ),
    measure(
      'ringTryWrite',
      (n) => {
        for (let k = 0; k < n; k++) if (ringTryWrite(ring.handle, 64) >= 0) written++
      },
      () => written,
    ),
    measure(
      'counterSet',
      (n) => {
        for (let k = 0; k < n; k++) if (counterSet(handle, 2, k) === 0) set++
      },
      () => set,
    ),
    measure(
      'countedAdd',
      (n) => {
        for (let k = 0; k < n; k++) countedAdd(handle, 3, handle, 1, 2)
      },
      () => whole.get(3),
    ),
    measure(
      'mutexTryLock',
      (n) => {
        for (let k = 0; k < n; k++) if (mutexTryLock(mutex.handle) >= 0) tried++
      },
      () => tried,
    ),
    measure(
      'mutexUnlock',
      (n) => {
        for (let k = 0; k < n; k++) if (mutexUnlock(mutex.handle) >= 0) unlocked++
      },
      () => unlocked,
    ),
    measure(
      'cpuLockTry and cpuLockUnlock',
      (n) => {
        for (let k = 0; k < n; k++)
          if (cpuLockUnlock(locks.handle, cpuLockTry(locks.handle)) === 0) unlocked++
      },
      () => unlocked,
    ),
  ]
  const opened = [batch, mutex, locks, stack, pool, ring, words, list]
  return { loops, keepers: [keeper, ...opened.map((one) => one.keeper)] }
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
  return { loops, keepers: [] }
}

function measureAll() {
  return [...rawLoops().loops, ...publicLoops().loops]
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
