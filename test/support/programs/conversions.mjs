// Gives every value of `../values.mjs` to every argument of every hot operation, in every way into
// the addon, and compares what happens with a model of JavaScript's own conversions. Prints how many
// calls it made in which way, and every difference.
//
// As a control, the input names a way that converts in another manner, which must show.
//
// Needs --allow-natives-syntax: to say when a function is to be optimized, or never to be.
import { inspect } from 'node:util'
import { PerCpuCounterArray } from '../../../lib/index.js'
import { loadNative } from '../../../lib/native.js'
import { NativeBackend } from '../../../lib/native-backend.js'
import { Kind, Status } from '../../../lib/layout.js'
import { NUMBERS, OTHERS, likeValid } from '../values.mjs'

const LENGTH = 6
const CAPACITY = 4
const MOST_PROBLEMS = 20
const MOST_ATTEMPTS = 5

const native = loadNative()
const { fast } = native
const scratch = new NativeBackend(native, native.thread(), null).operations

/** Keeps handles open: all of them, to the end. */
const kept = []

/** Counters, as the operations see them, and a batch that adds 10 ** k to counter k. */
function makeCounters(type) {
  const array = new PerCpuCounterArray(LENGTH, { type })
  const { handle, keeper } = native.openRegion(new Uint8Array(array.buffer), Kind.counters)
  kept.push(keeper)
  const add = (values, i, delta) => {
    values[i] += type === 'i64' ? BigInt(delta) : delta
    return Status.ok
  }
  return {
    type,
    handle,
    add,
    openBatch() {
      const memory = new ArrayBuffer(16 * CAPACITY)
      new Int32Array(memory, 8 * CAPACITY).set([0, 1, 1, 10, 2, 100, 3, 1000])
      const batch = native.openBatch(handle, memory, CAPACITY)
      kept.push(batch.keeper)
      return batch.handle
    },
    values: () =>
      Array.from({ length: LENGTH }, (_, i) => (type === 'i64' ? array.getBigint(i) : array.get(i))),
  }
}

function makeShared(type) {
  const counters = makeCounters(type)
  return { ...counters, batch: counters.openBatch() }
}

/** Where sums are exact in whatever order, one region does for all. */
const shared = { i64: makeShared('i64'), f64: makeShared('f64') }
/** What functions are warmed up on. */
const warmth = { i64: makeShared('i64'), f64: makeShared('f64') }

function addAnyNumber(counters, values, handle, i, delta) {
  if (handle >>> 0 !== counters.handle) return Status.badHandle
  if (counters.type === 'i64' && !Number.isSafeInteger(delta)) return Status.badValue
  if (i >>> 0 >= LENGTH) return Status.outOfRange
  return counters.add(values, i >>> 0, delta)
}

/**
 * The operations: arguments that each accepts, and a model of what it answers and does to the
 * values, once its arguments are numbers.
 */
const OPERATIONS = {
  counterAdd: { valid: ({ handle }) => [handle, 2, 2 ** 40], model: addAnyNumber },
  counterAddFloat64: { valid: ({ handle }) => [handle, 2, 2 ** 40], model: addAnyNumber },
  counterAddInt32: {
    valid: ({ handle }) => [handle, 2, 7],
    model(counters, values, handle, i, delta) {
      if (handle >>> 0 !== counters.handle) return Status.badHandle
      if (i >>> 0 >= LENGTH) return Status.outOfRange
      return counters.add(values, i >>> 0, delta | 0)
    },
  },
  counterGet: {
    valid: ({ handle }) => [handle, 2],
    model: (counters, values, handle, i) =>
      handle >>> 0 === counters.handle && i >>> 0 < LENGTH ? Number(values[i >>> 0]) : NaN,
  },
  counterSet: {
    valid: ({ handle }) => [handle, 2, 2 ** 40],
    model(counters, values, handle, i, value) {
      if (handle >>> 0 !== counters.handle) return Status.badHandle
      if (counters.type === 'i64' && !Number.isSafeInteger(value)) return Status.badValue
      if (i >>> 0 >= LENGTH) return Status.outOfRange
      // A sum is never -0.
      values[i >>> 0] = counters.type === 'i64' ? BigInt(value) : value + 0
      return Status.ok
    },
  },
  countedAdd: {
    valid: ({ handle }) => [handle, 2, handle, 4, 2 ** 40],
    model(counters, values, counts, bucket, sums, sum, value) {
      const areKnown = counts >>> 0 === counters.handle && sums >>> 0 === counters.handle
      if (!areKnown || counters.type !== 'i64') return Status.badHandle
      if (!Number.isSafeInteger(value)) return Status.badValue
      if (bucket >>> 0 >= LENGTH || sum >>> 0 >= LENGTH) return Status.outOfRange
      counters.add(values, bucket >>> 0, 1)
      return counters.add(values, sum >>> 0, value)
    },
  },
  batchAddSums: {
    valid: ({ batch }) => [batch],
    model: (counters, values, batch) => (batch >>> 0 === counters.batch ? Status.ok : Status.badHandle),
  },
  batchCommit: {
    valid: ({ batch }) => [batch, 3],
    model(counters, values, batch, count) {
      if (batch >>> 0 !== counters.batch) return Status.badHandle
      if (count >>> 0 > CAPACITY) return Status.outOfRange
      for (let k = 0; k < count >>> 0; k++) counters.add(values, k, 10 ** k)
      return Status.ok
    },
  },
}

/** What the values of the table refer to: they count that they are called, and may add 1 to counter 5. */
let called = 0
let addMeanwhile = () => undefined
const names = { calls: () => called++, reenter: () => addMeanwhile() }

/** Evaluates source text that may use the names given. */
function evaluate(source, scope = names) {
  return new Function(...Object.keys(scope), `return ${source}`)(...Object.values(scope))
}

const prepare = evaluate('(f) => %PrepareFunctionForOptimization(f)')
const optimize = evaluate('(f) => %OptimizeFunctionOnNextCall(f)')
const neverOptimize = evaluate('(f) => %NeverOptimizeFunction(f)')

/** What a call answers or throws, and how often it called back. */
function observe(call) {
  called = 0
  let end
  try {
    end = { answer: call() }
  } catch (thrown) {
    end = { thrown: thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : thrown }
  }
  return { ...end, called }
}

/** Gives `f` feedback from calls with these arguments, and makes it optimized code. */
function optimizeFor(f, args) {
  prepare(f)
  observe(() => f(...args))
  observe(() => f(...args))
  optimize(f)
  observe(() => f(...args))
}

const PARAMETERS = ['a', 'b', 'c', 'd', 'e']

let made = 0

/**
 * A function of its own that calls `op`, with the source text `odd` at one position. V8 gives two
 * functions of the same text one fate: the number in it tells them apart.
 */
function makeCaller(op, length, position, odd, ahead = []) {
  const parameters = PARAMETERS.slice(0, length)
  const passed = parameters.map((name, k) => (k === position ? odd : name))
  return evaluate(`(${[...ahead, ...parameters].join(', ')}) => op(${passed.join(', ')}) /* ${++made} */`, {
    ...names,
    op,
  })
}

/**
 * The ways into an operation. Each returns the call to make, or null where the case has no such way.
 * `likeIt` are the arguments for the same case on other counters, `valid` the accepted ones there.
 */
const WAYS = {
  /** Optimized code that has seen nothing but numbers. */
  optimized({ op, args, valid }) {
    const call = makeCaller(op, args.length)
    optimizeFor(
      call,
      args.map((_, k) => valid[k] ?? 0),
    )
    return () => call(...args)
  },

  /** Optimized code in which the value is a constant, its type known. */
  constant({ op, args, likeIt, position, source }) {
    if (position === undefined) return null
    const call = makeCaller(op, args.length, position, source)
    optimizeFor(call, likeIt)
    return () => call(...args)
  },

  /** Optimized code that has the number as such, in a register. */
  register({ op, args, likeIt, position, isNumber }) {
    if (!isNumber) return null
    const doubles = Float64Array.of(args[position], 0.5)
    const call = makeCaller(op, args.length, position, 'doubles[at]', ['doubles', 'at'])
    optimizeFor(call, [doubles, 1, ...likeIt])
    return () => call(doubles, 0, ...args)
  },

  /** The interpreter. */
  interpreted({ op, args }) {
    const call = makeCaller(op, args.length)
    neverOptimize(call)
    return () => call(...args)
  },

  /** Node-API. */
  scratch({ name, args }) {
    return () => scratch[name](...args)
  },
}

/** Ways that are nearly right: each must be found out. */
const BROKEN_WAYS = {
  saturating({ op, args }) {
    const saturate = (arg) => (typeof arg === 'number' ? Math.min(arg, 2 ** 32 - 1) : arg)
    return () => op(...args.map(saturate))
  },

  lenient({ op, args }) {
    return () => op(...args.map((arg) => (typeof arg === 'bigint' ? Number(arg) : arg)))
  },

  forgetful({ op, args, valid }) {
    return () => op(...valid.map((_, k) => args[k] ?? 1))
  },

  /** Has stored the first argument when the conversion of the second calls back. */
  untimely({ name, args }) {
    const { scratch: memory, operations } = native
    return () => {
      args.forEach((arg, k) => (memory[k] = arg))
      operations[name]()
      return memory[0]
    }
  },
}

const { broken } = JSON.parse(process.argv[2]) ?? {}
const tried = broken === undefined ? WAYS : { [broken]: BROKEN_WAYS[broken] }

const outcome = { cases: 0, ways: {}, slowNumbers: [], problems: [] }

/** Counts the way that a call of V8's function took. */
function tally(way, what, isNumber, wasSlow) {
  const ofWay = (outcome.ways[way] ??= { fast: 0, slow: 0 })
  ofWay[wasSlow ? 'slow' : 'fast']++
  if (isNumber && wasSlow && way !== 'interpreted') outcome.slowNumbers.push(`${way}: ${what}`)
}

/** A fresh region where the order of additions might show in a double's last bit. */
function countersFor(name, type) {
  return type === 'f64' && /^counter(Add|Set)/.test(name) ? makeCounters(type) : shared[type]
}

/** What an operation of one attempt answers when its section was: an Outcome that is no Status. */
const isInterrupted = (answer) => answer > Status.ok && answer < Status.badHandle

/** One case in one way. `change` makes the case's arguments of accepted ones. */
function tryOne(way, name, type, change, { position, source, isNumber = false, attempt = 1 }) {
  const counters = countersFor(name, type)
  const { valid, model } = OPERATIONS[name]
  const text = typeof source === 'function' ? source(valid(counters)[position]) : source
  const odd = position === undefined ? undefined : evaluate(text)
  const args = change(valid(counters), odd)
  const what = `${name} on ${type}, ${position === undefined ? text : `argument ${position} is ${text}`}`
  const call = tried[way]({
    name,
    op: fast.operations[name],
    args,
    likeIt: change(valid(warmth[type]), odd),
    valid: valid(warmth[type]),
    position,
    source: text,
    isNumber,
  })
  if (call === null) return

  const before = counters.values()
  addMeanwhile = () => counters.add(before, 5, 1)
  const expected = observe(() => {
    // In their order, up to the first that throws. A unary plus refuses what the operations refuse.
    const numbers = valid(counters).map((_, k) => +args[k])
    return model(counters, before, ...numbers)
  })
  const operations = way in BROKEN_WAYS || way === 'scratch' ? scratch : fast.operations
  addMeanwhile = () => operations.counterAddInt32(counters.handle, 5, 1)
  const slowBefore = fast.slowCalls()
  const seen = observe(call)
  const slow = fast.slowCalls() - slowBefore
  // Interrupted: nothing was done, and the case is still to be tried.
  if (name.startsWith('counterAdd') && isInterrupted(seen.answer) && attempt < MOST_ATTEMPTS) {
    return tryOne(way, name, type, change, { position, source, isNumber, attempt: attempt + 1 })
  }
  if (way !== 'scratch') tally(way, what, isNumber, slow > 0)

  outcome.cases++
  const [is, should] = [
    inspect({ ...seen, values: counters.values() }),
    inspect({ ...expected, values: before }),
  ]
  if (is !== should && outcome.problems.length < MOST_PROBLEMS) {
    outcome.problems.push(`${way}: ${what}: ${is} instead of ${should}`)
  }
}

function tryAll(name, type, change, options) {
  for (const way of Object.keys(tried)) tryOne(way, name, type, change, options)
}

for (const [name, { valid }] of Object.entries(OPERATIONS)) {
  for (const type of ['i64', 'f64']) {
    const { length } = valid(shared[type])
    for (let position = 0; position < length; position++) {
      const change = (args, odd) => args.map((arg, k) => (k === position ? odd : arg))
      for (const source of [...NUMBERS, ...likeValid.numbers]) {
        tryAll(name, type, change, { position, source, isNumber: true })
      }
      for (const source of [...OTHERS, ...likeValid.others]) tryAll(name, type, change, { position, source })
    }
    for (let given = 0; given < length; given++) {
      tryAll(name, type, (args) => args.slice(0, given), { source: `${given} arguments` })
    }
    tryAll(name, type, (args) => [...args, Symbol('surplus')], { source: 'one argument too many' })
  }
}
console.log(JSON.stringify(outcome))
