// The variables that the contenders' code can use: the structures, and the functions of the two addons.
import { mkdtempSync, rmSync } from 'node:fs'
import {
  CounterBatch,
  Mutex,
  PerCpuArray,
  PerCpuCounter,
  PerCpuCounterArray,
  PerCpuCounterTree,
  PerCpuHistogram,
  PerCpuHeap,
  PerCpuPool,
  PerCpuRing,
  PerCpuStack,
  PerCpuList,
  PerCpuLock,
  Rcu,
  SharedMap,
  cpuId,
  cpuOpv,
  info,
} from '../lib/index.js'
import { newCounterTree } from '../lib/counter/counter-tree.js'
import { openShared } from '../lib/shared/index.js'
import { loadNative } from '../lib/native/binding.js'
import { HAND_OVER_BYTES, HandOver } from './hand-over.mjs'
import { JsMutex } from './js-mutex.mjs'
import { limits } from './limits.mjs'
import { definition, openMetrics } from './metrics.mjs'
import { Treiber, treiberBytes } from './treiber.mjs'

/** The library's addon that `../lib` uses in this thread. */
const { fast } = loadNative()

/** Returns the number of this thread's calls so far for which V8 did not use a fast call. */
export function slowCalls() {
  return fast === null ? NaN : fast.slowCalls()
}

const CACHE_LINES = 128 // The adjacent-line prefetcher fetches pairs.
const ELEMENTS = 64
const MOST_WORKERS = 64
const STACKED = 1000
const HEAP_BYTES = 16 << 20
const BLOCK = { blocks: 8192, blockSize: 256 }
const RING = 1 << 16
/** Keys of 16 characters, and values of 100 bytes. */
const KEYS = Array.from({ length: 1024 }, (_, k) => `key:${String(k).padStart(12, '0')}`)
const VALUE_BYTES = 100
/** The possible CPUs of a large machine. */
const LARGE = 512

/** Makes a list and spreads its nodes over all CPUs. */
function fullList() {
  const list = new PerCpuList({ nodes: STACKED, payloadSize: 8 })
  const { possibleCpus } = info()
  for (let node = 0; node < STACKED; node++) list.pushTo(node % possibleCpus, node)
  return list
}

/** Makes a map that has a value for each key. */
function fullMap() {
  const map = new SharedMap({ entries: 2 * KEYS.length, bytes: 1 << 22 })
  for (const key of KEYS) map.set(key, new Uint8Array(VALUE_BYTES))
  return map
}

/** Makes buffers over files and removes the files at once; the memory stays. Returns null on the portable backend. */
function makeOnFiles() {
  if (info().backend !== 'native') return null
  const directory = mkdtempSync('/dev/shm/rseq-bench-')
  try {
    const shop = openShared('bench', { directory })
    return {
      counter: shop.counter('counter').buffer,
      recorder: shop.ring('recorder', RING, { policy: 'overwrite' }).buffer,
      word: shop.counter('word').buffer,
      mutex: shop.mutex('mutex').buffer,
      lock: shop.cpuLock('lock').buffer,
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function openOnFiles(shared) {
  if (shared === null) return null
  return {
    counter: PerCpuCounter.from(shared.counter),
    recorder: PerCpuRing.from(shared.recorder),
    mutex: Mutex.from(shared.mutex),
    lock: PerCpuLock.from(shared.lock),
    // A word of shard 0 of a counter to which nothing is added.
    int32: new Int32Array(shared.word, CACHE_LINES, 1),
  }
}

/**
 * Makes the shared structures, and returns them as buffers for other threads. A thread of the tier that uses them must call
 * this, because a region remembers whether sections or atomics write it.
 */
export function makeShared() {
  return {
    counter: new PerCpuCounter().buffer,
    double: new PerCpuCounter({ type: 'f64' }).buffer,
    array: new PerCpuCounterArray(ELEMENTS).buffer,
    tree: new PerCpuCounterTree().buffer,
    largeTree: newCounterTree({}, LARGE),
    mutex: new Mutex().buffer,
    rcu: new Rcu().buffer,
    lock: new PerCpuLock().buffer,
    jsMutex: new SharedArrayBuffer(CACHE_LINES),
    guarded: new SharedArrayBuffer(CACHE_LINES),
    histogram: new PerCpuHistogram().buffer,
    metrics: definition.create().buffer,
    words: new PerCpuArray(8).buffer,
    doubles: new PerCpuArray(8, { element: 'f64' }).buffer,
    stack: new PerCpuStack(STACKED).buffer,
    list: fullList().buffer,
    pool: new PerCpuPool(BLOCK).buffer,
    checkedPool: new PerCpuPool({ ...BLOCK, checked: true }).buffer,
    heap: new PerCpuHeap(HEAP_BYTES).buffer,
    map: fullMap().buffer,
    handOver: new SharedArrayBuffer(HAND_OVER_BYTES),
    ring: new PerCpuRing(RING).buffer,
    recorder: new PerCpuRing(RING, { policy: 'overwrite' }).buffer,
    onFiles: makeOnFiles(),
    treiber: new SharedArrayBuffer(treiberBytes(MOST_WORKERS + 1)),
    int32: new SharedArrayBuffer(CACHE_LINES),
    bigint64: new SharedArrayBuffer(CACHE_LINES),
    sharded: new SharedArrayBuffer(CACHE_LINES * info().possibleCpus),
    slots: new SharedArrayBuffer(CACHE_LINES * MOST_WORKERS),
  }
}

/** Opens the shared structures in this thread, and returns them with all other variables of the contenders' code. */
export function openScope(shared, member) {
  const array = PerCpuCounterArray.from(shared.array)
  const pool = PerCpuPool.from(shared.pool)
  const { emptyFast, plainCall, plainCpuId, loopBareSection, loopLibraryAdd, loopAtomicAdd } = limits
  return {
    ...{ emptyFast, plainCall, plainCpuId, loopBareSection, loopLibraryAdd, loopAtomicAdd, cpuId, cpuOpv },
    counter: PerCpuCounter.from(shared.counter),
    double: PerCpuCounter.from(shared.double),
    array,
    tree: PerCpuCounterTree.from(shared.tree),
    largeTree: PerCpuCounterTree.from(shared.largeTree),
    words: PerCpuArray.from(shared.words),
    doubles: PerCpuArray.from(shared.doubles),
    vector: [
      { op: 'compareNotEqual', index: 3, value: -1 },
      { op: 'add', index: 3, value: 1 },
      { op: 'copy', index: 4, from: 3 },
    ],
    stack: PerCpuStack.from(shared.stack),
    list: PerCpuList.from(shared.list),
    pool,
    checkedPool: PerCpuPool.from(shared.checkedPool),
    heap: PerCpuHeap.from(shared.heap),
    map: SharedMap.from(shared.map),
    keys: KEYS,
    content: new Uint8Array(VALUE_BYTES),
    handOver: new HandOver(shared.handOver, pool, member === 0),
    ring: PerCpuRing.from(shared.ring),
    recorder: PerCpuRing.from(shared.recorder),
    onFiles: openOnFiles(shared.onFiles),
    record: new Uint8Array(64).fill(7),
    ignore: () => {},
    treiber: new Treiber(shared.treiber, MOST_WORKERS + 1),
    values: new Float64Array(STACKED).fill(1),
    batch: new CounterBatch(array),
    largeBatch: new CounterBatch(array),
    histogram: PerCpuHistogram.from(shared.histogram),
    ...openMetrics(shared.metrics),
    indices: Uint32Array.from({ length: 1000 }, (_, k) => k % ELEMENTS),
    deltas: new Float64Array(1000).fill(1),
    mutex: Mutex.from(shared.mutex),
    rcu: Rcu.from(shared.rcu),
    lock: PerCpuLock.from(shared.lock),
    jsMutex: new JsMutex(shared.jsMutex),
    guarded: new Float64Array(shared.guarded),
    int32: new Int32Array(shared.int32),
    freeWord: new Int32Array(new SharedArrayBuffer(CACHE_LINES)),
    bigint64: new BigInt64Array(shared.bigint64),
    sharded: new Int32Array(shared.sharded),
    slots: new Float64Array(shared.slots),
    mine: (member * CACHE_LINES) / Float64Array.BYTES_PER_ELEMENT,
    node: member + 1,
    addUp: (a, b) => a + b,
  }
}
