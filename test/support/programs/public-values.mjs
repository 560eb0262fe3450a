// Gives every value of `../values.mjs` to every argument of the public classes, and prints what each
// call returned or threw and what the counters held then: the same on every tier, it is to be.
//
// Needs --allow-natives-syntax: each call is made by the interpreter, and by optimized code.
import { inspect } from 'node:util'
import {
  CounterBatch,
  PerCpuArray,
  PerCpuCounter,
  PerCpuCounterArray,
  PerCpuHeap,
  PerCpuList,
  PerCpuPool,
  PerCpuRing,
  PerCpuStack,
  cpuOpv,
  info,
} from '../../../lib/index.js'
import { NUMBERS, OTHERS } from '../values.mjs'

/** The calls with `v`, and what is worth a try: `hot` ones as optimized code, those of a delta on both types. */
const CALLS = [
  { source: 'counter.add(v)', hot: true, isDelta: true },
  { source: 'array.add(v, 1)', hot: true },
  { source: 'array.add(0, v)', hot: true, isDelta: true },
  { source: 'array.increment(v)', hot: true },
  { source: 'array.decrement(v)' },
  { source: 'array.get(v)', hot: true },
  { source: 'array.getBigint(v)' },
  { source: 'sum(array.perCpu(v)) + array.overflow(v)' },
  { source: 'array.reset(v)' },
  { source: 'array.snapshot(v)' },
  { source: 'array.addMany(v, deltas)' },
  { source: 'array.addMany(indices, v)' },
  { source: 'array.addMany(indices, deltas, v)' },
  { source: 'new CounterBatch(v)' },
  { source: 'new CounterBatch(array, v).capacity' },
  { source: 'batch.add(v, 1)', hot: true },
  { source: 'batch.add(0, v)', hot: true, isDelta: true },
  { source: 'new PerCpuCounterArray(v).length' },
  { source: 'PerCpuCounter.from(v)' },
  { source: 'stack.push(v)', hot: true },
  { source: 'stack.pushTo(0, v)' },
  { source: 'stack.pushMany(v)' },
  { source: 'stack.pushMany(deltas, v)' },
  { source: 'stack.popMany(v)' },
  { source: 'stack.onCpu(0, v)' },
  { source: 'stack.onCpu(0, (owned) => owned.push(v))' },
  { source: 'new PerCpuStack(v).capacity' },
  { source: 'list.push(v)', hot: true },
  { source: 'list.payload(v)' },
  { source: 'list.pushTo(0, v)' },
  { source: 'new PerCpuList({ nodes: v, payloadSize: 8 }).nodes' },
  { source: 'pool.free(v)', hot: true },
  { source: 'pool.view(v)', hot: true },
  { source: 'checkedPool.view(v)' },
  { source: 'new PerCpuPool(v)' },
  { source: 'new PerCpuPool({ blocks: v, blockSize: 8 }).blocks' },
  { source: 'new PerCpuPool({ blocks: 4, blockSize: 8, cache: v }).cache' },
  { source: 'new PerCpuPool({ blocks: 4, blockSize: 8, checked: v }).checked' },
  { source: 'heap.alloc(v)', hot: true },
  { source: 'heap.free(v)', hot: true },
  { source: 'heap.view(v)' },
  { source: 'heap.sizeOf(v)' },
  { source: 'new PerCpuHeap(v).bytes' },
  { source: 'new PerCpuHeap({ bytes: 4096, checked: v }).checked' },
  { source: 'new PerCpuStack(1, { index: v })' },
  { source: 'ring.write(v)', hot: true },
  { source: 'ring.drain(v)' },
  { source: 'ring.drain(() => 0, v)' },
  { source: 'new PerCpuRing(256, { policy: v })' },
  { source: 'words.add(v, 1)', hot: true },
  { source: 'words.add(0, v)', hot: true, isDelta: true },
  { source: 'words.load(v)', hot: true },
  { source: 'words.store(0, v)', hot: true, isDelta: true },
  { source: 'words.exchange(v, 1)', hot: true },
  { source: 'words.exchange(0, v)', hot: true, isDelta: true },
  { source: 'words.compareExchange(v, 0, 1)', hot: true },
  { source: 'words.compareExchange(0, v, 1)', hot: true, isDelta: true },
  { source: 'words.compareExchange(0, 0, v)', hot: true, isDelta: true },
  { source: 'words.get(v, 0)' },
  { source: 'words.getBigint(0, v)' },
  { source: 'words.onCpu(0, v)' },
  { source: 'words.onCpu(0, (owned) => owned.add(0, v))', isDelta: true },
  { source: 'cpuOpv(words, 0, v)' },
  { source: 'cpuOpv(words, 0, [v])' },
  { source: "cpuOpv(words, 0, [{ op: 'copy', index: 0, from: v }])" },
  { source: "cpuOpv(words, 0, [{ op: 'add', index: 0, value: v }])", isDelta: true },
  { source: 'new PerCpuArray(v).length' },
  { source: 'new PerCpuArray(1, { element: v }).element' },
]

/** All blocks of one are taken, and one of the other. */
function makePools() {
  const pool = new PerCpuPool({ blocks: 4, blockSize: 8 })
  const checkedPool = new PerCpuPool({ blocks: 4, blockSize: 8, checked: true })
  for (let i = 0; i < pool.blocks; i++) pool.alloc()
  checkedPool.alloc()
  return { pool, checkedPool }
}

/** Everything that a call can reach, new for each of them: then no sum depends on an order. */
function makeWorld(type, source) {
  const array = new PerCpuCounterArray(3, { type })
  array.add(1, 10)
  return {
    counter: new PerCpuCounter({ type }),
    array,
    batch: source.startsWith('batch') ? new CounterBatch(array, 4) : undefined,
    stack: new PerCpuStack(4),
    list: source.startsWith('list') ? new PerCpuList({ nodes: 4, payloadSize: 8 }) : undefined,
    ...(/^\w*[pP]ool\./.test(source) ? makePools() : {}),
    heap: source.startsWith('heap') ? new PerCpuHeap(1 << 16) : undefined,
    ring: source.startsWith('ring') ? new PerCpuRing(256) : undefined,
    words: /^words|words,/.test(source) ? new PerCpuArray(2, { element: type }) : undefined,
    indices: Uint32Array.of(0, 1, 2),
    deltas: Float64Array.of(1, 2, 3),
    sum: (values) => values.reduce((a, b) => a + b),
  }
}

let made = 0
let called = 0

function evaluate(source, scope) {
  return new Function(...Object.keys(scope), `return ${source}`)(...Object.values(scope))
}

const prepare = evaluate('(f) => %PrepareFunctionForOptimization(f)', {})
const optimize = evaluate('(f) => %OptimizeFunctionOnNextCall(f)', {})
const neverOptimize = evaluate('(f) => %NeverOptimizeFunction(f)', {})

function attempt(call) {
  try {
    const answer = call()
    return { answer: typeof answer === 'object' && answer !== null ? answer.constructor.name : answer }
  } catch (thrown) {
    return { thrown: thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : thrown }
  }
}

/** A function of a world and a value, new each time: V8 gives two of the same text one fate. */
function makeCaller(source, isOptimized) {
  const names =
    'counter, array, batch, stack, list, pool, checkedPool, heap, ring, words, indices, deltas, sum'
  const caller = evaluate(`({ ${names} }, v) => ${source} /* ${++made} */`, {
    CounterBatch,
    PerCpuCounter,
    PerCpuCounterArray,
    PerCpuHeap,
    PerCpuList,
    PerCpuPool,
    PerCpuRing,
    PerCpuStack,
    PerCpuArray,
    cpuOpv,
  })
  if (!isOptimized) return (neverOptimize(caller), caller)
  const warmth = makeWorld('i64', source)
  prepare(caller)
  attempt(() => caller(warmth, 1))
  attempt(() => caller(warmth, 1))
  optimize(caller)
  attempt(() => caller(warmth, 1))
  return caller
}

const outcomes = {}

/** One call, on one type of counters, with one value: what came of it. */
function tryOne(source, type, text, way) {
  const world = makeWorld(type, source)
  const value = evaluate(text, { calls: () => called++, reenter: () => world.counter.add(1) })
  const call = makeCaller(source, way === 'optimized')
  called = 0
  const end = attempt(() => call(world, value))
  const { counter, array, batch } = world
  const pending = batch?.size
  batch?.commit()
  const { words, sum } = world
  const left = [world.list?.size, world.pool?.available, world.checkedPool?.available]
  const totals = [counter.value, ...array.snapshot(), ...world.stack.drain(), ...left]
  if (words !== undefined) totals.push(sum([...words.perCpu(0), words.overflow(0)]))
  outcomes[`${source}, v = ${text}, ${type}, ${way}`] = inspect({ ...end, called, pending, totals })
}

for (const { source, hot = false, isDelta = false } of CALLS) {
  for (const text of [...NUMBERS, ...OTHERS]) {
    for (const type of isDelta ? ['i64', 'f64'] : ['i64']) {
      for (const way of hot ? ['interpreted', 'optimized'] : ['interpreted']) tryOne(source, type, text, way)
    }
  }
}
console.log(JSON.stringify({ tier: info().tier, outcomes }))
