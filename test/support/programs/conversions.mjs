// Gives every value of `../values.mjs` to every argument of every row of the table of hot operations, in every way into
// the addon, and compares what happens with the row itself, given what JavaScript's own conversions make of the values. Prints how many
// calls it made in which way, and every difference.
//
// As a control, the input names a way that converts in another manner, which must show.
//
// Needs --allow-natives-syntax: to say when a function is to be optimized, or never to be.
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { readOperations } from '../../../scripts/generate-operations.mjs'
import { argumentsOf, fixtureOf, native, operations as scratch } from '../operation-fixtures.mjs'
import { NUMBERS, OTHERS, likeValid } from '../values.mjs'

const MOST_PROBLEMS = 20
const MOST_ATTEMPTS = 5

const { fast } = native
const ROWS = readOperations(readFileSync(new URL('../../../src/core/operations.ts', import.meta.url), 'utf8'))

/** What JavaScript makes of a number, by the type that the table names. */
const CONVERT = {
  Handle: (number) => number >>> 0,
  Act: (number) => number >>> 0,
  U32: (number) => number >>> 0,
  I32: (number) => number | 0,
  F64: (number) => number,
}

/** What the values of the table refer to: they count that they are called, and may do an operation of their own. */
let called = 0
let meanwhile = () => undefined
const names = { calls: () => called++, reenter: () => meanwhile() }

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

const PARAMETERS = ['a', 'b', 'c', 'd', 'e', 'f']

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
    const words = new Int32Array(memory.buffer)
    const { parameters, result } = ROWS.find((row) => row.name === name)
    return () => {
      parameters.forEach(({ type }, k) => {
        if (type.view === 'words') words[2 * k] = args[k]
        else memory[k] = args[k]
      })
      operations[name]()
      return result.view === 'words' ? words[0] : memory[0]
    }
  },
}

const { broken } = JSON.parse(process.argv[2]) ?? {}
const tried = broken === undefined ? WAYS : { [broken]: BROKEN_WAYS[broken] }

const outcome = { rows: [], cases: 0, ways: {}, slowNumbers: [], problems: [] }

/** Counts the way that a call of V8's function took. */
function tally(way, what, isNumber, wasSlow) {
  const ofWay = (outcome.ways[way] ??= { fast: 0, slow: 0 })
  ofWay[wasSlow ? 'slow' : 'fast']++
  if (isNumber && wasSlow && way !== 'interpreted') outcome.slowNumbers.push(`${way}: ${what}`)
}

/** Three sets of objects for each structure and type: one for a case, one for its model, one to warm up on. */
const trios = new Map()
function trioOf(row, type) {
  const { structure, make } = fixtureOf(row.name)
  const key = `${structure} of ${type}`
  if (!trios.has(key)) trios.set(key, { subject: make(type), model: make(type), warmth: make(type) })
  return trios.get(key)
}

/** Brings an object into its first state, makes a call, and sees what that has done. */
function seeOn(fixture, { name }, call) {
  fixture.reset(name)
  meanwhile = fixture.meanwhile
  const seen = observe(call)
  if (fixture.answer !== undefined && 'answer' in seen) seen.answer = fixture.answer(name, seen.answer)
  return { ...seen, state: fixture.state() }
}

/** One case in one way. `change` makes the case's arguments of accepted ones. */
function tryOne(way, row, type, change, { position, source, isNumber = false, attempt = 1 }) {
  const { name, parameters } = row
  const { subject, model, warmth } = trioOf(row, type)
  // Some arguments depend on where the thread was, and so come after the reset.
  subject.reset(name)
  const accepted = argumentsOf(row, subject)
  const text = typeof source === 'function' ? source(accepted[position]) : source
  const odd = position === undefined ? undefined : evaluate(text)
  const args = change(accepted, odd)
  const what = `${name} on ${type}, ${position === undefined ? text : `argument ${position} is ${text}`}`
  warmth.reset(name)
  const call = tried[way]({
    name,
    op: fast.operations[name],
    args,
    likeIt: change(argumentsOf(row, warmth), odd),
    valid: argumentsOf(row, warmth),
    position,
    source: text,
    isNumber,
  })
  if (call === null) return

  let slow
  const seen = seeOn(subject, row, () => {
    const before = fast.slowCalls()
    try {
      return call()
    } finally {
      slow = fast.slowCalls() - before
    }
  })
  const expected = seeOn(model, row, () => {
    // In their order, up to the first that throws. A unary plus refuses what the operations refuse.
    const numbers = parameters.map(({ type: { name: kind } }, k) => CONVERT[kind](+args[k]))
    const own = argumentsOf(row, model)
    const isHandle = (k) => parameters[k].type.name === 'Handle'
    return scratch[name](
      ...numbers.map((number, k) => (isHandle(k) && number === accepted[k] ? own[k] : number)),
    )
  })
  const [is, should] = [inspect(seen), inspect(expected)]
  // An attempt that was aborted, or moved to another CPU, does not tell.
  if (is !== should && attempt < MOST_ATTEMPTS) {
    return tryOne(way, row, type, change, { position, source, isNumber, attempt: attempt + 1 })
  }
  if (way !== 'scratch') tally(way, what, isNumber, slow > 0)
  outcome.cases++
  if (is !== should && outcome.problems.length < MOST_PROBLEMS) {
    outcome.problems.push(`${way}: ${what}: ${is} instead of ${should}`)
  }
}

function tryAll(row, type, change, options) {
  for (const way of Object.keys(tried)) tryOne(way, row, type, change, options)
}

/** Counters of both types, where a delta may be any number; everything else once. */
const typesOf = ({ name, parameters }) =>
  /^count/.test(name) && parameters.some(({ type }) => type.name === 'F64') ? ['i64', 'f64'] : ['i64']

/**
 * Which values a row gets: all of them, or, where a row with the same types had all of them, every seventh: the code that
 * converts is one template for all rows of the same types.
 */
const signatures = new Set()
function valuesFor({ parameters, result }) {
  const signature = [...parameters.map(({ type }) => type.native), result.native].join()
  const isNew = !signatures.has(signature)
  signatures.add(signature)
  const some = (values) => (isNew ? values : values.filter((_, k) => k % 7 === 0))
  return { numbers: some(NUMBERS), others: some(OTHERS) }
}

for (const row of ROWS) {
  outcome.rows.push(row.name)
  const { numbers, others } = valuesFor(row)
  for (const type of typesOf(row)) {
    const { length } = row.parameters
    for (let position = 0; position < length; position++) {
      const change = (args, odd) => args.map((arg, k) => (k === position ? odd : arg))
      for (const source of [...numbers, ...likeValid.numbers]) {
        tryAll(row, type, change, { position, source, isNumber: true })
      }
      for (const source of [...others, ...likeValid.others]) tryAll(row, type, change, { position, source })
    }
    for (let given = 0; given < length; given++) {
      tryAll(row, type, (args) => args.slice(0, given), { source: `${given} arguments` })
    }
    tryAll(row, type, (args) => [...args, Symbol('surplus')], { source: 'one argument too many' })
  }
  // A broken way that was found out needs no more rows.
  if (broken !== undefined && outcome.problems.length > 0) break
}
console.log(JSON.stringify(outcome))
