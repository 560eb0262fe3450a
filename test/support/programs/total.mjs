// Gives the fast functions handles, elements and counts of all kinds, in hot loops: each must answer,
// and do nothing to counters that it was not told of. Prints how many calls there were, which answers
// they got, and everything else that happened.
//
// Needs --expose-gc: to close handles.
import { PerCpuCounterArray } from '../../../lib/index.js'
import { loadNative } from '../../../lib/native/binding.js'
import { Kind, Status } from '../../../lib/core/layout.js'

const ROUNDS = 300_000
const LENGTH = 100
const CAPACITY = 64
/** Of sums: LENGTH rounded up to two cache lines of words. */
const ROOM = 112
const MOST_PROBLEMS = 20
const MOST_OPENINGS = 5000
const MOST_COLLECTIONS = 500
/** Odd, so that its multiples modulo 2**32 go through all handles, in no order. */
const STEP = 2654435761

const native = loadNative()
const { slowCalls, operations } = native.fast
const { counterAdd, counterAddInt32, counterAddFloat64, counterGet } = operations
const { batchTrySums, batchAddSums, batchCommit } = operations
const { counterSet, countedAdd } = operations
const outcome = { scenarios: {}, statuses: {}, problems: [] }

function problem(text) {
  if (outcome.problems.length < MOST_PROBLEMS) outcome.problems.push(text)
}

function expectEqual(what, is, should) {
  if (!Object.is(is, should)) problem(`${what}: ${is} instead of ${should}`)
}

/** Counts what hot loops were answered. Only numbers go in here, so that they stay hot. */
const answers = new Uint32Array(32)
function note(status) {
  answers[status < answers.length ? status : answers.length - 1]++
}

/** Adds 1 to an existing element as the library does: one attempt, then the slow operation. */
function addOne(status, handle, i) {
  note(status === Status.ok ? status : counterAdd(handle, i, 1))
}

/** Runs a loop of that many calls, and counts those that were not fast. */
function hot(scenario, calls, loop) {
  const before = slowCalls()
  loop()
  outcome.scenarios[scenario] = { calls, slow: slowCalls() - before }
}

function open(array = new PerCpuCounterArray(LENGTH)) {
  const { handle, keeper } = native.openRegion(new Uint8Array(array.buffer), Kind.counters)
  return { array, handle, keeper }
}

function openBatch({ handle }) {
  const memory = new ArrayBuffer(16 * CAPACITY + 4 * ROOM)
  const { handle: batch, keeper } = native.openBatch(handle, memory, CAPACITY, 0, LENGTH)
  return { memory, batch, keeper }
}

const isAll = (array, value) => array.snapshot().every((total) => total === value)

/** A fixed dice: all 32-bit patterns, in a long cycle. */
let state = 20261121
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0)
const bits = new Uint32Array(2)
const double = new Float64Array(bits.buffer)
/** Any double at all: denormals, infinities, and NaNs of every kind. */
const randomDouble = () => {
  bits[0] = random()
  bits[1] = random()
  return double[0]
}

/** Handles of all 32 bits that are not open. */
function inventedHandles() {
  const { array, handle, keeper } = open()
  const { batch, keeper: batchKeeper } = openBatch({ handle })
  const used = new Set([handle, batch])
  hot('invented handles', 15 * ROUNDS, () => {
    for (let k = 1; k <= ROUNDS; k++) {
      const invented = Math.imul(k, STEP) >>> 0
      if (used.has(invented)) continue
      // As the unsigned number, as the signed one, and as one that only converts to it.
      note(counterAddInt32(invented, 1, 1))
      note(counterAddInt32(invented | 0, 1, 1))
      note(counterAddFloat64(invented + 2 ** 32, 1, 0.5))
      note(counterSet(invented, 1, 5))
      note(countedAdd(invented, 1, handle, 1, 1))
      note(countedAdd(handle, 1, invented, 1, 1))
      note(batchCommit(invented, 1))
      note(batchCommit(invented + 0.5, CAPACITY))
      note(batchAddSums(invented))
      if (batchTrySums(invented, 16) !== 0) problem(`batchTrySums of handle ${invented}`)
      if (!Number.isNaN(counterGet(invented, 0))) problem(`counterGet of handle ${invented}`)
      // Near misses: the slot is open, the rest of the handle is another.
      note(counterAddInt32(handle ^ (1 << (16 + (k & 15))), 1, 1))
      note(batchCommit(batch ^ (1 << (16 + (k & 15))), 1))
      note(batchAddSums(batch ^ (1 << (16 + (k & 15)))))
      if (batchTrySums(batch ^ (1 << (16 + (k & 15))), 16) !== 0) problem('batchTrySums of a near miss')
    }
  })
  if (!isAll(array, 0)) problem('an invented handle reached the counters')
  return [keeper, batchKeeper]
}

/** Handles of another kind than the operation's. */
function otherKinds() {
  const { array, handle, keeper } = open()
  const { batch, memory, keeper: batchKeeper } = openBatch({ handle })
  new Int32Array(memory, 8 * CAPACITY).fill(1)
  hot('handles of another kind', 6 * ROUNDS, () => {
    for (let k = 0; k < ROUNDS; k++) {
      if (counterAddInt32(batch, k & 63, 1) !== Status.badHandle) problem('counterAddInt32 took a batch')
      if (counterAddFloat64(batch, k & 63, 1) !== Status.badHandle) problem('counterAddFloat64 took a batch')
      if (!Number.isNaN(counterGet(batch, k & 63))) problem('counterGet took a batch')
      if (batchCommit(handle, k & 63) !== Status.badHandle) problem('batchCommit took counters')
      if (batchAddSums(handle) !== Status.badHandle) problem('batchAddSums took counters')
      if (batchTrySums(handle, 16) !== 0) problem('batchTrySums took counters')
    }
  })
  expectEqual('counters after the wrong kind', isAll(array, 0), true)
  return [keeper, batchKeeper]
}

/** Elements and deltas from all over the 32 bits, and any double. */
function anyElement(type) {
  const { array, handle, keeper } = open(new PerCpuCounterArray(LENGTH, { type }))
  let inside = 0
  hot(`elements in ${type}`, 4 * ROUNDS, () => {
    for (let k = 0; k < ROUNDS; k++) {
      const anything = randomDouble()
      const element = random()
      if (element < LENGTH) inside++
      note(counterAddInt32(handle, element, 1))
      // Elements from LENGTH on are refused with every delta.
      const beyond = LENGTH + (element >>> 1)
      if (counterAddFloat64(handle, beyond, anything) === Status.ok) problem(`element ${beyond} was taken`)
      if (!Number.isNaN(counterGet(handle, beyond))) problem(`element ${beyond} was read`)
      note(counterAddFloat64(handle, LENGTH - 1, anything))
    }
  })
  const total = array.snapshot().subarray(0, LENGTH - 1)
  const sum = total.reduce((a, b) => a + b, 0)
  if (sum > inside) problem(`${sum} additions of 1 reached elements, of ${inside} that could`)
  return [keeper]
}

/** Counts of all kinds, and entries that are not what CounterBatch writes. */
function anyBatch(type) {
  const { array, handle, keeper } = open(new PerCpuCounterArray(LENGTH, { type }))
  const { batch, memory, keeper: batchKeeper } = openBatch({ handle })
  const words = new Uint32Array(memory)
  hot(`batches on ${type}`, 3 * ROUNDS, () => {
    for (let k = 0; k < ROUNDS; k++) {
      words[k % words.length] = random()
      note(batchCommit(batch, random() >>> (k & 31)))
      note(batchAddSums(batch))
      if (batchTrySums(batch, random() >>> (k & 31)) > ROOM) problem('sums after the last')
    }
  })
  if (array.snapshot().length !== LENGTH) problem('no snapshot')
  return [keeper, batchKeeper]
}

/** Receivers of all kinds: an operation does not look at its own. */
function anyReceiver() {
  const { array, handle, keeper } = open()
  hot('methods of an object', 2 * ROUNDS, () => {
    for (let k = 0; k < ROUNDS; k++) {
      addOne(operations.counterAddInt32(handle, 0, 1), handle, 0)
      operations.counterGet(handle, 0)
    }
  })
  expectEqual('additions by methods', array.get(0), ROUNDS)

  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  const receivers = [undefined, null, 1, 'x', Symbol('s'), {}, [], Object.create(null), revoked.proxy, native]
  // V8 takes the slow callback for most of these.
  for (let k = 0; k < ROUNDS; k++) {
    const receiver = receivers[k % receivers.length]
    addOne(counterAddInt32.call(receiver, handle, 1, 1), handle, 1)
    addOne(Reflect.apply(counterAddFloat64, receiver, [handle, 2, 1]), handle, 2)
    note(batchCommit.call(receiver, handle, 1))
    counterGet.apply(receiver, [handle, 0])
  }
  expectEqual('additions by call', array.get(1), ROUNDS)
  expectEqual('additions by apply', array.get(2), ROUNDS)

  for (const operation of Object.values(operations)) {
    try {
      new operation(handle, 0, 1)
      problem(`new ${operation.name}() made something`)
    } catch (error) {
      if (!(error instanceof TypeError)) problem(`new ${operation.name}(): ${error}`)
    }
  }
  return [keeper]
}

/** Collects until that many handles are open. */
async function collectDownTo(handles) {
  for (let k = 0; k < MOST_COLLECTIONS && native.openHandles() > handles; k++) {
    globalThis.gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  expectEqual('open handles', native.openHandles(), handles)
}

const slotOf = (handle) => handle & 0xffff

/**
 * Opens handles of a kind until one is in the slot of `stale`. Slots are used again in the order in which they were
 * freed, and some hundred wait at any time.
 */
function openInSlotOf(stale, openOne) {
  for (let k = 0; k < MOST_OPENINGS; k++) {
    const next = openOne()
    if (slotOf(next.number) === slotOf(stale)) return next
    native.close(next.number)
  }
  throw new Error('the slot was not used again')
}

/**
 * Closed handles are refused, also when their slot is in use again. `openOne` opens one handle of a
 * kind; `use` uses one in a loop, and names what it should not have done.
 */
async function staleHandle(kind, openOne, use) {
  const others = native.openHandles()
  // In a function of its own: no register may hold on to what keeps it open.
  const stale = (() => openOne().number)()
  await collectDownTo(others)
  const refuse = (when) => {
    hot(`${kind}: ${when}`, ROUNDS, () => use(stale, (done) => problem(`${done} on ${kind}: ${when}`)))
  }
  refuse('closed')
  const next = openInSlotOf(stale, openOne)
  expectEqual(`the handle of ${kind} is another`, next.number === stale, false)
  refuse('closed, the slot in use again')
  return next
}

async function staleHandles() {
  await collectDownTo(0)
  const counters = open()
  const { array } = counters
  const openCounters = () => {
    const { handle: number, keeper } = open(array)
    return { number, keeper }
  }
  const openOneBatch = () => {
    const { batch: number, memory, keeper } = openBatch(counters)
    new Int32Array(memory, 8 * CAPACITY).fill(1)
    return { number, memory, keeper }
  }
  const next = [
    await staleHandle('counters, by integers', openCounters, (handle, wrong) => {
      for (let k = 0; k < ROUNDS; k++) {
        if (counterAddInt32(handle, k & 63, 1) !== Status.badHandle) wrong('added')
        if (!Number.isNaN(counterGet(handle, 0))) wrong('read')
      }
    }),
    await staleHandle('counters, by fractions', openCounters, (handle, wrong) => {
      for (let k = 0; k < ROUNDS; k++) {
        if (counterAddFloat64(handle, k & 63, 0.5) !== Status.badHandle) wrong('added')
        if (counterAdd(handle, k & 63, 0.5) !== Status.badHandle) wrong('added by all means')
      }
    }),
    await staleHandle('a batch', openOneBatch, (batch, wrong) => {
      for (let k = 0; k < ROUNDS; k++) {
        if (batchCommit(batch, k & 63) !== Status.badHandle) wrong('committed')
        if (batchAddSums(batch) !== Status.badHandle) wrong('added sums')
        if (batchTrySums(batch, 16) !== 0) wrong('tried sums')
      }
    }),
  ]
  expectEqual('counters in reused slots', isAll(array, 0), true)
  return [counters, next]
}

/** Handles are open as long as something holds what keeps them: this does, to the end. */
globalThis.kept = [
  await staleHandles(),
  inventedHandles(),
  otherKinds(),
  anyElement('i64'),
  anyElement('f64'),
  anyBatch('i64'),
  anyBatch('f64'),
  anyReceiver(),
]
outcome.statuses = Object.fromEntries([...answers.entries()].filter(([, count]) => count > 0))
console.log(JSON.stringify(outcome))
