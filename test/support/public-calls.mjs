// Every public call, ready to be made again and again: constructors, `from`, methods, getters and functions.
// Found by looking at what the package exports, so that no call is left out; here stand the arguments of those
// that take some.
import { createRequire } from 'node:module'
import * as rseq from '../../lib/index.js'
import * as metrics from '../../lib/metrics/index.js'
import { info } from '../../lib/index.js'
import { search } from '../../lib/native/binary.js'
import { scratchOf } from '../../lib/ring/ring.js'
import { openInService } from '../../lib/shared/shared-directory.js'
import { service } from './metrics-schema.mjs'

const COUNTERS = 9
const BLOCKS = 64
const THREE = Float64Array.of(1, 2, 3)
const words = new rseq.PerCpuArray(COUNTERS)
const INDICES = Uint32Array.of(0, 1, 2)
const RECORD = Uint8Array.of(1, 2, 3)
const ADDITION = [{ op: 'add', index: 0, value: 1 }]

/** A registry that accepts all registrations, for prom-client and OpenTelemetry. */
const meterProvider = {
  getMeter: () => ({
    createObservableCounter: () => ({ addCallback() {} }),
    createObservableGauge: () => ({ addCallback() {} }),
    createObservableUpDownCounter: () => ({ addCallback() {} }),
  }),
}

/** All nodes on CPU 0, where these calls take them from and put them back. */
function filledList(checked) {
  const list = new rseq.PerCpuList({ nodes: BLOCKS, payloadSize: 8, checked })
  for (let node = 0; node < BLOCKS; node++) list.pushTo(0, node)
  return list
}

const listCalls = {
  push: (list) => move(list.pop.bind(list), list.push.bind(list)),
  payload: (list) => list.payload(0),
  holder: (list) => list.holder(0),
  adopt: (list) => list.adopt(0, list.holder(0)),
  reclaim: (list) => list.reclaim(),
  pushTo: (list) =>
    move(
      () => list.popFrom(0),
      (node) => list.pushTo(0, node),
    ),
  popFrom: (list) =>
    move(
      () => list.popFrom(0),
      (node) => list.pushTo(0, node),
    ),
  drain: (list) => list.drain().forEach((node) => list.pushTo(0, node)),
  onCpu: (list) => list.onCpu(0, (owned) => move(owned.pop.bind(owned), owned.push.bind(owned))),
}

/** Takes a block, and frees it after its use. Each call may be the last of its worker, whose block is lost then. */
const withBlock = (use) => (heap) => {
  const block = heap.alloc(100)
  if (block === -1) return
  use(heap, block)
  heap.free(block)
}

const heapCalls = {
  alloc: withBlock(() => {}),
  free: withBlock(() => {}),
  view: withBlock((heap, block) => heap.view(block)),
  sizeOf: withBlock((heap, block) => heap.sizeOf(block)),
}

/** Moves a node, if `take` finds one. */
function move(take, give) {
  const node = take()
  if (node !== -1) give(node)
}

const made = service.create()
const allOf = async (pieces) => {
  for await (const piece of pieces) if (piece.length === 0) return
}

/** How an object of each class is made, and its calls that take arguments or belong together. */
const CLASSES = {
  PerCpuCounter: {
    make: () => new rseq.PerCpuCounter(),
    calls: { add: (counter) => counter.add(1), set: (counter) => counter.set(1) },
  },
  PerCpuCounterArray: {
    make: () => new rseq.PerCpuCounterArray(COUNTERS),
    calls: {
      add: (counters) => counters.add(0, 1),
      increment: (counters) => counters.increment(0),
      decrement: (counters) => counters.decrement(0),
      addMany: (counters) => counters.addMany(INDICES, THREE),
      get: (counters) => counters.get(0),
      set: (counters) => counters.set(0, 1),
      getBigint: (counters) => counters.getBigint(0),
      perCpu: (counters) => counters.perCpu(0),
      overflow: (counters) => counters.overflow(0),
      reset: (counters) => counters.reset(0),
    },
  },
  PerCpuCounterTree: {
    make: () => new rseq.PerCpuCounterTree({ step: 64 }),
    calls: { add: (tree) => tree.add(100), atLeast: (tree) => tree.atLeast(50) },
  },
  CounterBatch: {
    make: () => new rseq.CounterBatch(new rseq.PerCpuCounterArray(COUNTERS)),
    calls: {
      add: (batch) => batch.add(0, 1),
      increment: (batch) => batch.increment(0),
      commit(batch) {
        batch.increment(1)
        batch.commit()
      },
    },
  },
  PerCpuHistogram: {
    make: () => new rseq.PerCpuHistogram({ highest: 1000 }),
    calls: {
      record: (histogram) => histogram.record(7),
      recordMany: (histogram) => histogram.recordMany(THREE),
      merge: (histogram) => histogram.merge(histogram.snapshot()),
    },
  },
  HistogramSnapshot: {
    make: () => new rseq.PerCpuHistogram({ highest: 1000 }).snapshot(),
    calls: { percentile: (snapshot) => snapshot.percentile(99) },
    construct: null,
  },
  PerCpuStack: {
    make: () => new rseq.PerCpuStack(BLOCKS),
    calls: {
      push: (stack) => stack.push(1),
      pushMany: (stack) => stack.pushMany(THREE),
      popMany: (stack) => stack.popMany(THREE),
      pushTo: (stack) => stack.pushTo(0, 1),
      popFrom: (stack) => stack.popFrom(0),
      onCpu: (stack) => stack.onCpu(0, (owned) => [owned.push(1), owned.pop(), owned.size]),
    },
  },
  PerCpuList: { make: () => filledList(false), calls: listCalls },
  'PerCpuList that is checked': { make: () => filledList(true), calls: listCalls },
  PerCpuPool: {
    make: () => new rseq.PerCpuPool({ blocks: BLOCKS, blockSize: 8, checked: true }),
    calls: {
      free: (pool) => pool.free(pool.alloc()),
      holder: (pool) => pool.holder(0),
      adopt: (pool) => pool.adopt(0, pool.holder(0)),
      reclaim: (pool) => pool.reclaim(),
      alloc: (pool) => pool.free(pool.alloc()),
      view(pool) {
        const block = pool.alloc()
        pool.view(block)
        pool.free(block)
      },
    },
  },
  PerCpuHeap: { make: () => new rseq.PerCpuHeap({ bytes: 1 << 20, checked: true }), calls: heapCalls },
  'PerCpuHeap that is not checked': { make: () => new rseq.PerCpuHeap(1 << 20), calls: heapCalls },
  PerCpuRing: {
    make: () => new rseq.PerCpuRing(1 << 12, { policy: 'overwrite' }),
    calls: {
      write: (ring) => ring.write(RECORD),
      ...{ drain: null, records: null, [Symbol.asyncIterator]: null, [scratchOf]: null },
    },
  },
  'PerCpuRing that discards': {
    make: () => new rseq.PerCpuRing(1 << 12),
    calls: {
      write: (ring) => ring.write(RECORD),
      [scratchOf]: null,
      drain(ring) {
        ring.write(RECORD)
        ring.drain(({ bytes }) => bytes.length)
      },
      async records(ring) {
        ring.write(RECORD)
        for await (const { bytes } of ring.records()) if (bytes.length !== 0) break
      },
      async [Symbol.asyncIterator](ring) {
        ring.write(RECORD)
        for await (const { bytes } of ring) if (bytes.length !== 0) break
      },
      snapshot: null,
    },
  },
  PerCpuArray: {
    make: () => new rseq.PerCpuArray(COUNTERS),
    calls: {
      add: (words) => words.add(0, 1),
      exchange: (words) => words.exchange(0, 1),
      store: (words) => words.store(0, 1),
      load: (words) => words.load(0),
      compareExchange: (words) => words.compareExchange(0, 0, 0),
      get: (words) => words.get(0, 0),
      getBigint: (words) => words.getBigint(0, 0),
      perCpu: (words) => words.perCpu(0),
      overflow: (words) => words.overflow(0),
      onCpu: (words) => words.onCpu(0, (owned) => [owned.add(0, 1), owned.load(0), owned.exchange(0, 1)]),
    },
  },
  SharedMap: {
    make: () => new rseq.SharedMap({ entries: 100, bytes: 1 << 16 }),
    calls: {
      get: (map) => map.get('key'),
      getInto: (map) => [map.set('key', RECORD), map.getInto('key', new Uint8Array(3))],
      entry: (map) => [map.set('key', { a: 1 }), map.entry('key')],
      has: (map) => map.has('key'),
      set: (map) => map.set('key', 'v'.repeat(500)),
      add: (map) => map.add('key', 1),
      replace: (map) => map.replace('key', 1),
      update: (map) => map.update('key', map.set('key', 1), 2),
      delete: (map) => [map.set('key', 1), map.delete('key')],
      increment: (map) => map.increment('count'),
      touch: (map) => [map.set('key', 1), map.touch('key')],
      fetch: (map) => map.fetch('key', () => Promise.resolve(1)),
      entries: (map) => [...map.entries()],
      keys: (map) => [...map.keys()],
      values: (map) => [...map.values()],
      [Symbol.iterator]: (map) => [...map],
    },
  },
  Mutex: {
    make: () => new rseq.Mutex(),
    calls: {
      lock(mutex) {
        mutex.lock()
        mutex.unlock()
      },
      unlock(mutex) {
        if (mutex.tryLock(1)) mutex.unlock()
      },
      tryLock(mutex) {
        if (mutex.tryLock()) mutex.unlock()
      },
      async lockAsync(mutex) {
        await mutex.lockAsync({ signal: new AbortController().signal, timeout: 1000 })
        mutex.unlock()
      },
      runExclusive: (mutex) => mutex.runExclusive(() => Promise.resolve()),
    },
  },
  Rcu: {
    make: () => new rseq.Rcu(),
    calls: {
      read: (rcu) => rcu.read(() => 1),
      readLock(rcu) {
        rcu.readLock()
        rcu.unlock()
      },
      unlock(rcu) {
        rcu.readLock()
        rcu.unlock()
      },
      defer: (rcu) => new Promise((resolve) => rcu.defer(resolve)),
    },
  },
  PerCpuLock: {
    make: () => new rseq.PerCpuLock(),
    calls: {
      lockThisCpu: (lock) => lock.unlock(lock.lockThisCpu()),
      runExclusive: (lock) => lock.runExclusive(() => 0),
      unlock: (lock) => lock.unlock(lock.lockThisCpu()),
      tryLockThisCpu(lock) {
        const cpu = lock.tryLockThisCpu()
        if (cpu >= 0) lock.unlock(cpu)
      },
      holdThisCpu(lock) {
        const { cpu } = lock.holdThisCpu()
        lock.unlock(cpu)
      },
    },
  },
  // Errors and what is only made inside.
  OwnerDiedError: { make: () => new rseq.OwnerDiedError('a lock', 0), calls: {} },
  TimeoutError: { make: () => new rseq.TimeoutError('a lock', 1, 'nobody has it'), calls: {} },
  RegionCorruptError: { make: () => new rseq.RegionCorruptError(), calls: {} },
  MetricsDefinition: {
    make: () => service,
    // The other one is for services alone, and takes their memory.
    calls: { open: () => service.open(made.buffer), [openInService]: null },
    construct: null,
  },
  MetricsCore: {
    make: () => service.create(),
    calls: {
      registerInPromClient: (all) =>
        all.registerInPromClient({ registerMetric() {}, removeSingleMetric() {} }),
      registerInOpenTelemetry: (all) => all.registerInOpenTelemetry(meterProvider),
      openTelemetryProducer: (all) => all.openTelemetryProducer({ temporality: 'delta' }).collect(),
      expose: (all) => allOf(all.expose()),
      batch: (all) => all.batch(all.bytes).commit(1),
    },
    construct: null,
  },
  OpenTelemetryProducer: {
    make: () => made.openTelemetryProducer(),
    calls: { collect: (producer) => producer.collect() },
    construct: null,
  },
  MetricsBatch: {
    make: () => made.batch(made.bytes),
    calls: { commit: (batch) => batch.commit(1) },
    construct: null,
  },
  Counter: { make: () => made.bytes, calls: { inc: (counter) => counter.inc(1) }, construct: null },
  Gauge: { make: () => made.inFlight, calls: { set: (gauge) => gauge.set(1) }, construct: null },
  Histogram: {
    make: () => made.size,
    calls: { observe: (histogram) => histogram.observe(1) },
    construct: null,
  },
  Labelled: {
    make: () => made.requests,
    calls: {
      labels: (labelled) => labelled.labels({ method: 'GET', route: '/' }).inc(),
      // These say that there are labels.
      ...Object.fromEntries(
        ['inc', 'dec', 'set', 'setToCurrentTime', 'observe', 'startTimer', 'value'].map((key) => [key, null]),
      ),
    },
    construct: null,
  },
}

/** The functions, and the methods of the objects, that are exported. */
const FUNCTIONS = {
  cpuOpv: () => rseq.cpuOpv(words, 0, ADDITION),
  toDate: () => rseq.toDate(rseq.now()),
  defineMetrics: () => metrics.defineMetrics({ counters: { n: { name: 'n_total', help: 'N.' } } }).create(),
  observeProcess: null,
  observeMap: null,
  nativeSeries: () => info().backend === 'native' && metrics.nativeSeries(made.bytes),
}

/** The methods and getters of a class: what each is called, and how it is called on an object. */
function* membersOf({ calls }, type) {
  for (const key of Reflect.ownKeys(type.prototype)) {
    if (key === 'constructor' || key === Symbol.toStringTag || calls[key] === null) continue
    const { get, value } = Object.getOwnPropertyDescriptor(type.prototype, key)
    if (get === undefined && typeof value !== 'function') continue
    const plain = get === undefined ? (object) => object[key]() : (object) => object[key]
    yield [typeof key === 'symbol' ? `[${key.description}]` : key, calls[key] ?? plain, key]
  }
}

/** Calls of one class, each on an object that is made when the call is prepared. */
function* callsOfClass(name, { make, calls, construct }, type) {
  if (construct !== null) yield [`new ${name}`, () => make]
  if (typeof type.from === 'function') {
    yield [
      `${name}.from`,
      () => {
        const { buffer } = make()
        return () => type.from(buffer)
      },
    ]
  }
  for (const [member, call, key] of membersOf({ calls }, type)) {
    yield [
      `${name}.${member}`,
      () => {
        if (key === Symbol.dispose) return () => make()[key]()
        const object = make()
        return () => call(object)
      },
    ]
  }
}

const isClass = (value) => typeof value === 'function' && value.toString().startsWith('class')

/** Loads the addon once more, into an environment of its own. */
function loading() {
  const require = createRequire(import.meta.url)
  for (const { load } of search().candidates) {
    try {
      load()
    } catch {
      continue
    }
    const loaded = Object.keys(require.cache).find((file) => file.endsWith('.node'))
    return () => {
      delete require.cache[loaded]
      require(loaded)
    }
  }
  throw new Error('no addon was loaded')
}

/** Every member of the classes whose objects can be disposed of: how an object is made, and how the member is called. */
export function disposableMembers() {
  const found = []
  for (const [name, type] of Object.entries({
    ...rseq,
    ...metrics,
    'PerCpuRing that discards': rseq.PerCpuRing,
  })) {
    if (!isClass(type) || !(Symbol.dispose in type.prototype)) continue
    for (const [member, call, key] of membersOf(CLASSES[name], type)) {
      if (key !== Symbol.dispose) found.push({ name: `${name}.${member}`, make: CLASSES[name].make, call })
    }
  }
  return found
}

/** The names of the calls in which a Worker can be terminated. */
export function terminableCalls() {
  return [...publicCalls().keys()]
}

/** By name, what prepares each call: it returns a function that makes the call, which may return a promise. */
export function publicCalls() {
  const found = new Map()
  const types = new Map()
  for (const [name, value] of [...Object.entries(rseq), ...Object.entries(metrics)]) {
    if (isClass(value) && !(value.prototype instanceof Error)) {
      types.set(name, value)
    } else if (typeof value === 'function' && !isClass(value)) {
      if (FUNCTIONS[name] !== null) found.set(name, () => FUNCTIONS[name] ?? value)
    }
  }
  for (const [name, type] of types) {
    const spec = CLASSES[name]
    if (spec === undefined) throw new Error(`public-calls.mjs does not say how a ${name} is made`)
    for (const [call, prepare] of callsOfClass(name, spec, type)) found.set(call, prepare)
  }
  for (const [call, prepare] of callsOfClass(
    'PerCpuRing that discards',
    CLASSES['PerCpuRing that discards'],
    rseq.PerCpuRing,
  )) {
    found.set(call, prepare)
  }
  if (info().backend === 'native') found.set('membarrier.fence', () => () => rseq.membarrier.fence())
  found.set('membarrier.query', () => () => rseq.membarrier.query())
  if (info().backend === 'native') found.set('the load of the addon', loading)
  return found
}
