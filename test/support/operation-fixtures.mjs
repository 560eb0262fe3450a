// What the rows of the table of hot operations are tried on: an object of each structure, arguments that a row accepts,
// and how to see what a call has done. A row finds its arguments here by the names of its parameters, so a new row on
// a structure that is here needs nothing.
import {
  Mutex,
  PerCpuArray,
  PerCpuCounterArray,
  PerCpuCounterTree,
  PerCpuList,
  PerCpuLock,
  PerCpuHeap,
  PerCpuPool,
  PerCpuRing,
  PerCpuStack,
} from '../../lib/index.js'
import { loadNative } from '../../lib/native/binding.js'
import { scratchOperations } from '../../lib/native/generated/scratch-operations.js'
import { COUNTER_TREE_HEADER_BYTES } from '../../lib/core/counter-tree-layout.js'
import { Act, HEADER_BYTES, Kind } from '../../lib/core/layout.js'

export const native = loadNative()
export const operations = scratchOperations(native.scratch, native.operations)

/** Everything that was opened: handles stay open to the end. */
const kept = []

/** Opens the memory of a public object once more, for a handle of the fixture's own. */
function open(object, how) {
  const opened = how(new Uint8Array(object.buffer))
  kept.push(object, opened.keeper)
  return opened
}

const openKind = (object, kind) => open(object, (bytes) => native.openRegion(bytes, kind))

/** Calls until it answers below 0: takes everything out. */
function takeAll(take) {
  const taken = []
  for (let value = take(); value >= 0; value = take()) taken.push(value)
  return taken.sort((a, b) => a - b)
}

const LENGTH = 6
const CAPACITY = 4

/** `sums` beside `counts` may be another object's handle; here they are one. */
function countersFixture(type) {
  const array = new PerCpuCounterArray(LENGTH, { type })
  const { handle } = openKind(array, Kind.counters)
  const memory = new ArrayBuffer(16 * CAPACITY + 64)
  const sums = new Int32Array(memory, 16 * CAPACITY)
  const batch = native.openBatch(handle, memory, CAPACITY, 0, LENGTH)
  kept.push(batch.keeper)
  return {
    args: {
      handle,
      counts: handle,
      sums: handle,
      batch: batch.handle,
      i: 2,
      bucket: 2,
      sum: 4,
      end: 16,
      count: 3,
    },
    args32: { delta: 7, value: 5 },
    args64: { delta: 2 ** 40, value: 2 ** 40 },
    reset() {
      for (let i = 0; i < LENGTH; i++) {
        // A counter of doubles that was added to is set by stopping CPUs, which a hot operation leaves to another one.
        if (operations.counterSet(handle, i, 10 * i) !== 0) native.waiting.counterSet(handle, i, 10 * i)
      }
      new Int32Array(memory, 8 * CAPACITY).set([0, 1, 1, 10, 2, 100, 3, 1000])
      sums.set([1, 2, 3])
    },
    state: () => [...array.snapshot(), ...sums],
    meanwhile: () => operations.counterAddInt32(handle, 5, 1),
  }
}

function counterTreeFixture() {
  const tree = new PerCpuCounterTree()
  const bytes = new Uint8Array(tree.buffer, COUNTER_TREE_HEADER_BYTES)
  const { handle, keeper } = native.openRegion(bytes, Kind.counters)
  kept.push(tree, keeper)
  return {
    args: { handle, step: tree.step },
    args32: { delta: 7 },
    args64: { delta: 2 ** 40 },
    reset() {
      bytes.fill(0, HEADER_BYTES)
    },
    // Where the shards are in the bytes is not known here, and which CPU's it was does not matter.
    state: () => [tree.value, tree.approximate],
    meanwhile: () => operations.counterTreeAddInt32(handle, tree.step, 1),
  }
}

function mutexFixture() {
  const { handle } = open(new Mutex(), native.openMutex)
  const unlock = () => operations.mutexUnlock(handle)
  return {
    args: { mutex: handle },
    reset(row) {
      unlock()
      if (row === 'mutexUnlock') operations.mutexTryLock(handle)
    },
    // Whether unlocking it had something to do.
    state: () => unlock(),
    meanwhile: unlock,
  }
}

function cpuLockFixture() {
  const { handle, shards } = open(new PerCpuLock(), native.openCpuLock)
  const unlockAll = () =>
    Array.from({ length: shards }, (_, shard) => operations.cpuLockUnlock(handle, shard))
  const fixture = {
    args: { locks: handle, shard: 0 },
    reset(row) {
      unlockAll()
      if (row === 'cpuLockUnlock') fixture.args.shard = operations.cpuLockTry(handle)
    },
    state: () => unlockAll().sort(),
    meanwhile: unlockAll,
    // A thread may be moved between two calls: which CPU's lock it was does not matter.
    answer: (row, answer) => (row === 'cpuLockTry' && answer >= 0 ? 'locked' : answer),
  }
  return fixture
}

/**
 * Brings an object back by its bytes, and sees them: a row may do what only the public class refuses. Which CPU's shard it
 * was done to does not matter.
 */
function byBytes(object) {
  // Behind the header, which says where in the buffer the shards begin.
  const words = new BigInt64Array(object.buffer, HEADER_BYTES)
  const before = words.slice()
  return {
    reset: () => words.set(before),
    state: () => [...words].filter((word) => word !== 0n).sort(),
  }
}

function stackFixture() {
  const stack = new PerCpuStack(8)
  const { handle } = openKind(stack, Kind.stack)
  for (const value of [3, 2, 1]) stack.push(value)
  return {
    args: { handle },
    args64: { value: 3 },
    ...byBytes(stack),
    meanwhile: () => operations.stackPop(handle),
  }
}

function listFixture() {
  const list = new PerCpuList({ nodes: 8, payloadSize: 8 })
  const { handle } = openKind(list, Kind.list)
  for (const node of [7, 6]) list.push(node)
  return { args: { handle, node: 1 }, ...byBytes(list), meanwhile: () => operations.listPop(handle) }
}

function poolFixture() {
  const blocks = 4
  const pool = new PerCpuPool({ blocks, blockSize: 8, checked: true })
  const { handle } = openKind(pool, Kind.pool)
  const freeAll = () => Array.from({ length: blocks }, (_, block) => operations.poolFree(handle, block))
  const allocAll = () => takeAll(() => operations.poolAlloc(handle))
  return {
    args: { handle, block: 1 },
    reset(row) {
      freeAll()
      // If the thread was moved, blocks are in the cache of another CPU, where a single attempt does not look.
      if (allocAll().length < blocks) {
        pool.flush()
        allocAll()
      }
      if (row !== 'poolFree') freeAll()
    },
    state: allocAll,
    meanwhile: () => operations.poolFree(handle, 2),
    answer: (row, answer) => (row === 'poolAlloc' && answer >= 0 ? 'a block' : answer),
  }
}

function heapFixture() {
  const heap = new PerCpuHeap({ bytes: 4096, checked: true })
  const { handle } = openKind(heap, Kind.heap)
  const bytes = 1000
  // The numbers of the four blocks of this size, in the only page.
  const blocks = [0, 1, 2, 3].map((k) => (k * 1024) / 2)
  const allocAll = () => takeAll(() => operations.heapAlloc(handle, bytes))
  const freeAll = () => blocks.map((block) => operations.heapFree(handle, block))
  return {
    args: { handle, bytes, block: blocks[1] },
    reset(row) {
      freeAll()
      if (row === 'heapFree') allocAll()
    },
    state: allocAll,
    meanwhile: () => operations.heapFree(handle, blocks[2]),
    answer: (row, answer) => (row === 'heapAlloc' && answer >= 0 ? 'a block' : answer),
  }
}

function ringFixture() {
  const ring = new PerCpuRing(1 << 12)
  const scratch = new Uint8Array(1 << 12)
  const { handle } = open(ring, (bytes) => native.openRing(bytes, scratch))
  const lengths = () => {
    const all = []
    ring.drain(({ bytes }) => all.push(bytes.length))
    return all.sort((a, b) => a - b)
  }
  return {
    args: { handle, length: 24 },
    reset: () => void lengths(),
    state: lengths,
    meanwhile: () => operations.ringWrite(handle, 16),
  }
}

function arrayFixture() {
  const words = new PerCpuArray(LENGTH)
  const opened = open(words, native.openArray)
  const { handle, shards } = opened
  // The overflow shard: it can be stopped from wherever the thread is.
  native.arrays.stop(handle, shards)
  const all = () =>
    Array.from({ length: shards + 1 }, (_, shard) =>
      Array.from({ length: LENGTH }, (_, i) => native.arrays.get(handle, shard, i)),
    )
  return {
    args: { array: handle, shard: shards, act: Act.add, i: 2, operand: 2 ** 40, expected: 0 },
    args32: { delta: 7 },
    args64: { delta: 2 ** 40, value: 2 ** 40, desired: 2 ** 40 },
    reset() {
      for (let i = 0; i < LENGTH; i++) operations.arrayActOn(handle, shards, Act.exchange, i, 0, 0)
      // Only a CPU that was written is stopped, because a fence costs more than all the rest.
      for (let shard = 0; shard < shards; shard++) {
        if (all()[shard].every((word) => word === 0)) continue
        words.onCpu(shard, (owned) => {
          for (let i = 0; i < LENGTH; i++) owned.store(i, 0)
        })
      }
    },
    state: () =>
      all()
        .flat()
        .filter((value) => value !== 0),
    meanwhile: () => operations.arrayTryAddInt32(handle, 5, 1),
  }
}

/** By the beginning of a row's name. The longest that fits counts. */
const FIXTURES = {
  // Before `counter`, which its name begins with.
  counterTree: counterTreeFixture,
  counter: countersFixture,
  counted: countersFixture,
  batch: countersFixture,
  mutex: mutexFixture,
  cpuLock: cpuLockFixture,
  stack: stackFixture,
  list: listFixture,
  pool: poolFixture,
  heap: heapFixture,
  ring: ringFixture,
  array: arrayFixture,
}

/** What makes the objects of a row. */
export function fixtureOf(row) {
  const prefix = Object.keys(FIXTURES).find((name) => row.startsWith(name))
  if (prefix === undefined)
    throw new Error(`no fixture for ${row}: add its structure to operation-fixtures.mjs`)
  return { structure: prefix, make: FIXTURES[prefix] }
}

/** The arguments that a row accepts, in its order. */
export function argumentsOf({ name, parameters }, { args, args32 = {}, args64 = {} }) {
  return parameters.map(({ name: parameter, type }) => {
    const value = { I32: args32, F64: args64 }[type.name]?.[parameter] ?? args[parameter]
    if (value === undefined)
      throw new Error(`no argument ${parameter} for ${name}: see operation-fixtures.mjs`)
    return value
  })
}
