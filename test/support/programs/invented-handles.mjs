// Gives every operation and every function of the addon that takes a handle all kinds of integers that are no handle of its kind:
// 0, ends of ranges, closed handles, handles of other kinds, handles with a bit of their tag or generation turned over. Prints what was not refused.
import {
  Mutex,
  PerCpuArray,
  PerCpuCounterArray,
  PerCpuHeap,
  PerCpuList,
  PerCpuLock,
  PerCpuPool,
  PerCpuRing,
  PerCpuStack,
} from '../../../lib/index.js'
import { backend } from '../../../lib/runtime/backend.js'
import { Kind, Status } from '../../../lib/core/layout.js'
import { loadNative } from '../../../lib/native/binding.js'
import { makeRandom } from '../../chaos/random.mjs'

const { rounds, seed } = JSON.parse(process.argv[2])
const random = makeRandom(seed)
const native = loadNative()
const COUNTERS = 64
const CAPACITY = 16

/** The memory alone: no handle but those that are opened here is to be met. */
function bytesOf(object) {
  object[Symbol.dispose]()
  return new Uint8Array(object.buffer)
}
const counters = bytesOf(new PerCpuCounterArray(COUNTERS))
const scratch = new Uint8Array(1 << 17)

/** By kind, how a handle is opened; each of some shared memory that must not change. */
const OPENERS = {
  counters: () => native.openRegion(counters, Kind.counters),
  doubles: () => native.openRegion(bytesOf(new PerCpuCounterArray(COUNTERS, { type: 'f64' })), Kind.counters),
  stack: () => native.openRegion(bytesOf(new PerCpuStack(COUNTERS)), Kind.stack),
  list: () => native.openRegion(bytesOf(new PerCpuList({ nodes: COUNTERS, payloadSize: 8 })), Kind.list),
  pool: () => native.openRegion(bytesOf(new PerCpuPool({ blocks: COUNTERS, blockSize: 8 })), Kind.pool),
  heap: () => native.openRegion(bytesOf(new PerCpuHeap(1 << 16)), Kind.heap),
  array: () => native.openArray(bytesOf(new PerCpuArray(COUNTERS))),
  mutex: () => native.openMutex(bytesOf(new Mutex())),
  cpuLock: () => native.openCpuLock(bytesOf(new PerCpuLock())),
  ring: () => native.openRing(bytesOf(new PerCpuRing(1 << 12)), scratch),
  batch: () => native.openBatch(opened.counters.handle, new ArrayBuffer(1 << 12), CAPACITY, 0, COUNTERS),
}
const opened = {}
const closed = {}
for (const [kind, open] of Object.entries(OPENERS)) {
  opened[kind] = open()
  const other = open()
  closed[kind] = other.handle
  native.close(other.handle)
}
// Handles are open as long as something holds their keepers.
globalThis.kept = opened

/** The kinds whose handles a call takes: as the first argument, and for two as another one. */
function kindsOf(name) {
  if (/^(counter|counted)/.test(name)) return ['counters', 'doubles']
  if (/^pool/.test(name)) return ['pool']
  // One attempt of a pool is one of a stack.
  if (/^stackTry/.test(name)) return ['stack', 'pool']
  if (/^stacks\.(?:holder|adopt|reclaim)/.test(name)) return ['list', 'pool']
  if (/^stacks\.(?!pushMany|popMany)/.test(name)) return ['stack', 'list', 'pool']
  if (/^stack/.test(name)) return ['stack']
  if (/^open(Batch|Series)/.test(name)) return ['counters', 'doubles']
  return [
    ['list', /^list/],
    ['heap', /^heap/],
    ['ring', /^ring/],
    ['array', /^array/],
    ['mutex', /^mutex/],
    ['cpuLock', /^cpuLock/],
    ['batch', /^batch/],
  ]
    .filter(([, pattern]) => pattern.test(name))
    .map(([kind]) => kind)
}

const integers = () => Math.floor(random() * 2 ** 32)
const all = Object.entries(opened)

/** A number that is no handle of these kinds. */
function invent(kinds) {
  const good = new Set(all.filter(([kind]) => kinds.includes(kind)).map(([, { handle }]) => handle))
  for (;;) {
    const handle = [
      () => 0,
      () =>
        [-1, 1, 2 ** 31, 2 ** 31 - 1, 2 ** 32 - 1, -(2 ** 31), 2 ** 16, 2 ** 27, NaN, 2 ** 53][
          integers() % 10
        ],
      () => all[integers() % all.length][1].handle,
      () => closed[all[integers() % all.length][0]],
      () => all[integers() % all.length][1].handle ^ (1 << (16 + (integers() % 16))),
      () => integers(),
    ][integers() % 6]()
    if (!good.has(handle >>> 0)) return handle
  }
}

const numbers = () => [integers() % 70, integers(), -1, 0.5, 2 ** 31, 0][integers() % 6]
const doubles = new Float64Array(COUNTERS)
const bytes = new Uint8Array(1 << 12)

/** Every call that takes a handle, by name, with arguments that would do for a good one. */
const CALLS = new Map(
  Object.entries(backend.operations).map(([name, operation]) => [
    name,
    (handle) => operation(handle, numbers(), numbers(), numbers(), numbers(), numbers()),
  ]),
)
CALLS.set('countedAdd, second', (handle) =>
  backend.operations.countedAdd(opened.counters.handle, 0, handle, 0, 1),
)
for (const name of ['pushMany', 'popMany'])
  CALLS.set(`stacks.${name}`, (handle) => native.stacks[name](handle, doubles, 3))
for (const name of ['size', 'stop', 'resume'])
  CALLS.set(`stacks.${name}`, (handle) => native.stacks[name](handle, 0))
for (const name of ['pushOwned', 'popOwned']) {
  CALLS.set(`stacks.${name}`, (handle) => native.stacks[name](handle, 0, doubles, 3, false))
}
for (const name of ['claim', 'release']) CALLS.set(`rings.${name}`, (handle) => native.rings[name](handle))
for (const name of ['read', 'snapshot'])
  CALLS.set(`rings.${name}`, (handle) => native.rings[name](handle, 0, bytes))
for (const name of ['unread', 'dropped'])
  CALLS.set(`rings.${name}`, (handle) => native.rings[name](handle, 0))
CALLS.set('rings.free', (handle) => native.rings.free(handle, 0, 8))
for (const name of ['get', 'bigint'])
  CALLS.set(`arrays.${name}`, (handle) => native.arrays[name](handle, 0, 0))
for (const name of ['stop', 'resume']) CALLS.set(`arrays.${name}`, (handle) => native.arrays[name](handle, 0))
CALLS.set('arrays.opv', (handle) => native.arrays.opv(handle, 0, bytes, 1))
CALLS.set('stacks.holder', (handle) => native.stacks.holder(handle, 0))
CALLS.set('stacks.adopt', (handle) => native.stacks.adopt(handle, 0, 0))
CALLS.set('stacks.reclaim', (handle) => native.stacks.reclaim(handle))
CALLS.set('poolFlush', (handle) => native.poolFlush(handle, 0))
CALLS.set('mutexWait', (handle) => native.mutexWait(handle, 1))
CALLS.set('mutexAnnounce', (handle) => native.mutexAnnounce(handle) ?? null)
CALLS.set('cpuLockWait', (handle) => native.cpuLockWait(handle, 1))
for (const name of ['counterBigint', 'counterReset']) CALLS.set(name, (handle) => native[name](handle, 0))
CALLS.set('counterShards', (handle) => native.counterShards(handle, 0, doubles))
CALLS.set('counterSnapshot', (handle) => native.counterSnapshot(handle, doubles))
CALLS.set('openSeries', (handle) => native.openSeries(1, handle, 0, 0, 0, 0, doubles.subarray(0, 0)))
CALLS.set('openSeries, sums', (handle) =>
  native.openSeries(3, opened.counters.handle, 0, handle, 0, 0, doubles.subarray(0, 0)),
)
CALLS.set('openBatch', (handle) => native.openBatch(handle, new ArrayBuffer(1 << 12), CAPACITY, 0, 0))
CALLS.set('openBatch, second', (handle) =>
  handle >>> 0 === 0
    ? null
    : native.openBatch(opened.counters.handle, new ArrayBuffer(1 << 12), CAPACITY, handle, 0),
)
CALLS.set('close', (handle) =>
  Object.values(opened).some((one) => one.handle === handle >>> 0) ? false : native.close(handle),
)

const REFUSALS = new Set([Status.badHandle, -Status.badHandle, null, false, NaN])
const accepted = new Set()
for (const [name, call] of CALLS) {
  for (let round = 0; round < rounds; round++) {
    const handle = invent(kindsOf(name))
    const answer = call(handle)
    // An attempt that does not say why: whatever has to be done, is then done by an operation that does.
    const isRefused = REFUSALS.has(answer) || (name === 'batchTrySums' && answer === 0)
    if (!isRefused) accepted.add(`${name}(${handle}) answered ${String(answer)}`)
  }
}
const isUntouched =
  native.counterSnapshot(opened.counters.handle, doubles) && doubles.every((value) => value === 0)
console.log(JSON.stringify({ tier: backend.tier, calls: CALLS.size, accepted: [...accepted], isUntouched }))
