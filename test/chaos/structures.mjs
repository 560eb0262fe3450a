// What the chaos works on: one row for each structure. A row makes it, opens it in a worker, does one
// operation there and says how much that adds, and reads the total at the end.
import {
  CounterBatch,
  Mutex,
  OwnerDiedError,
  PerCpuArray,
  PerCpuCounter,
  PerCpuCounterArray,
  PerCpuHistogram,
  PerCpuList,
  PerCpuPool,
  PerCpuRing,
  PerCpuLock,
  PerCpuStack,
  cpuOpv,
  info,
} from '../../lib/index.js'

const ELEMENTS = 20
/** A terminated worker may take one with it. */
const BLOCKS = 5000

/** A small whole number; half of them in the f64 counter, where they are as exact. */
const small = (random) => 1 + Math.floor(random() * 100)

function sumOf(counters) {
  return counters.snapshot().reduce((sum, value) => sum + value, 0)
}

const one = () => 1

/** What a reader finds in a ring now, in bytes. */
function lengthsIn(ring) {
  let sum = 0
  ring.drain(({ bytes }) => (sum += bytes.length))
  return sum
}
/** Answers each CPU in turn. */
function cpusInTurn() {
  let turns = 0
  return () => turns++ % info().possibleCpus
}
const [cpuOfAdded, cpuOfExchanged] = [cpusInTurn(), cpusInTurn()]

/** A region and a counter of what came out of it. */
function withCounter(region) {
  const counted = new PerCpuCounter()
  return { region, counted, buffer: { region: region.buffer, counted: counted.buffer } }
}

/** A word in a block or a payload: of whoever has it. */
function wordIn({ buffer, byteOffset }) {
  return new Float64Array(buffer, byteOffset, 1)
}

/** Takes this CPU's lock; from a worker that ended with it, too, as below. */
function lockThisCpu(lock) {
  try {
    return lock.lockThisCpu()
  } catch (error) {
    if (!(error instanceof OwnerDiedError)) throw error
    return error.cpu
  }
}

/** Everything that is in word `i` of an array. */
const sumOfWords = (words, i) => words.perCpu(i).reduce((sum, value) => sum + value, words.overflow(i))

/** Takes the mutex; from a worker that ended with it, too: what that one was about to add is in flight. */
function lockAnyhow(mutex) {
  try {
    mutex.lock()
  } catch (error) {
    if (!(error instanceof OwnerDiedError)) throw error
  }
}

/**
 * `add` does the operation; `amount` says beforehand what it will add, so that a worker can note it
 * before and after. `total` reads everything that was ever added.
 */
export const structures = [
  {
    name: 'counter i64',
    make: () => new PerCpuCounter(),
    open: (buffer) => PerCpuCounter.from(buffer),
    amount: small,
    add: (counter, amount) => counter.add(amount),
    total: (counter) => counter.value,
  },
  {
    name: 'counter f64',
    make: () => new PerCpuCounter({ type: 'f64' }),
    open: (buffer) => PerCpuCounter.from(buffer),
    amount: (random) => small(random) / 2,
    add: (counter, amount) => counter.add(amount),
    total: (counter) => counter.value,
  },
  {
    name: 'counter by concurrency id',
    make: () => new PerCpuCounter({ index: 'concurrency' }),
    open: (buffer) => PerCpuCounter.from(buffer),
    amount: small,
    add: (counter, amount) => counter.add(amount),
    total: (counter) => counter.value,
  },
  {
    name: 'counter under reset',
    make: () => new PerCpuCounter(),
    open: (buffer) => PerCpuCounter.from(buffer),
    amount: small,
    add: (counter, amount) => counter.add(amount),
    total: (counter) => counter.value,
    /** Called by the main thread all the while; what it returns belongs to the total. */
    disturb: (counter) => counter.reset(),
  },
  {
    name: 'array',
    make: () => new PerCpuCounterArray(ELEMENTS),
    open: (buffer) => PerCpuCounterArray.from(buffer),
    amount: small,
    add: (counters, amount) => counters.add(amount % ELEMENTS, amount),
    total: sumOf,
  },
  {
    name: 'addMany',
    make: () => new PerCpuCounterArray(ELEMENTS),
    open: (buffer) => ({
      counters: PerCpuCounterArray.from(buffer),
      indices: Uint32Array.from({ length: ELEMENTS }, (_, i) => i),
      deltas: new Float64Array(ELEMENTS).fill(1),
    }),
    amount: (random) => Math.floor(random() * ELEMENTS),
    add: ({ counters, indices, deltas }, amount) => counters.addMany(indices, deltas, amount),
    total: sumOf,
  },
  {
    name: 'batch',
    make: () => new PerCpuCounterArray(ELEMENTS),
    open: (buffer) => new CounterBatch(PerCpuCounterArray.from(buffer)),
    amount: (random) => Math.floor(random() * 40),
    add: (batch, amount) => {
      for (let k = 0; k < amount; k++) batch.increment(k % ELEMENTS)
      batch.commit()
    },
    total: sumOf,
  },
  {
    name: 'histogram',
    make: () => new PerCpuHistogram({ highest: 1000 }),
    open: (buffer) => PerCpuHistogram.from(buffer),
    amount: one,
    add: (histogram) => histogram.record(7),
    total: (histogram) => histogram.snapshot().count,
  },
  {
    // A token goes on the stack; whichever is there then is taken off and counted.
    name: 'stack',
    make: () => withCounter(new PerCpuStack(50)),
    open: ({ region, counted }) => ({
      stack: PerCpuStack.from(region),
      counted: PerCpuCounter.from(counted),
    }),
    amount: one,
    add({ stack, counted }) {
      if (!stack.push(1)) counted.increment()
      else if (stack.pop() !== undefined) counted.increment()
    },
    total: ({ region, counted }) => region.size + counted.value,
  },
  {
    // Two owners of a block would lose an addition to it.
    name: 'pool',
    make: () => withCounter(new PerCpuPool({ blocks: BLOCKS, blockSize: 8, cache: 4 })),
    open: ({ region, counted }) => ({ pool: PerCpuPool.from(region), counted: PerCpuCounter.from(counted) }),
    amount: one,
    add({ pool, counted }) {
      const block = pool.alloc()
      if (block === -1) return counted.increment()
      wordIn(pool.view(block))[0]++
      return pool.free(block)
    },
    total({ region, counted }) {
      let sum = counted.value
      for (let block = 0; block < BLOCKS; block++) sum += wordIn(region.view(block))[0]
      return sum
    },
    disturb(pool) {
      pool.region.flush()
      return 0
    },
  },
  {
    name: 'ring',
    make: () => new PerCpuRing(1 << 14),
    open: (buffer) => ({ ring: PerCpuRing.from(buffer), bytes: new Uint8Array(64) }),
    amount: (random) => Math.floor(random() * 65),
    // Its length is what it adds: what found no room is offered again, as the main thread reads all the while.
    add({ ring, bytes }, amount) {
      while (!ring.write(bytes.subarray(0, amount)));
    },
    disturb: (ring) => lengthsIn(ring),
    total: (ring) => lengthsIn(ring),
  },
  {
    // Two owners of a node would lose an addition to it.
    name: 'list',
    make() {
      const made = withCounter(new PerCpuList({ nodes: BLOCKS, payloadSize: 8 }))
      for (let node = 0; node < BLOCKS; node++) made.region.pushTo(node % info().possibleCpus, node)
      return made
    },
    open: ({ region, counted }) => ({ list: PerCpuList.from(region), counted: PerCpuCounter.from(counted) }),
    amount: one,
    add({ list, counted }) {
      const node = list.pop()
      if (node === -1) return counted.increment()
      wordIn(list.payload(node))[0]++
      return list.push(node)
    },
    total({ region, counted }) {
      let sum = counted.value
      for (let node = 0; node < BLOCKS; node++) sum += wordIn(region.payload(node))[0]
      return sum
    },
  },
  {
    name: 'mutex',
    make() {
      const mutex = new Mutex()
      const plain = new Float64Array(new SharedArrayBuffer(8))
      // The object, too: a handle that is closed when it is collected would hide one that is left.
      return { mutex, plain, buffer: { mutex: mutex.buffer, plain } }
    },
    open: ({ mutex, plain }) => ({ mutex: Mutex.from(mutex), plain }),
    amount: one,
    add({ mutex, plain }) {
      lockAnyhow(mutex)
      plain[0]++
      mutex.unlock()
    },
    total: ({ plain }) => plain[0],
  },
  {
    // Of each CPU's plain word, whose lock is held.
    name: 'locks of CPUs',
    make() {
      const lock = new PerCpuLock()
      const plain = new Float64Array(new SharedArrayBuffer(8 * lock.length))
      return { lock, plain, buffer: { lock: lock.buffer, plain } }
    },
    open: ({ lock, plain }) => ({ lock: PerCpuLock.from(lock), plain }),
    amount: one,
    add({ lock, plain }) {
      const cpu = lockThisCpu(lock)
      plain[cpu]++
      lock.unlock(cpu)
    },
    total: ({ plain }) => plain.reduce((sum, value) => sum + value),
  },
  {
    name: 'words, added',
    make: () => new PerCpuArray(1),
    open: (buffer) => PerCpuArray.from(buffer),
    amount: small,
    add: (words, amount) => words.add(0, amount),
    total: (words) => sumOfWords(words, 0),
    /** Takes what one CPU has, to be counted; by its owner. */
    disturb: (words) => words.onCpu(cpuOfAdded(), (owned) => owned.exchange(0, 0)),
  },
  {
    // A loop of compare and exchange; on whichever CPU it succeeds.
    name: 'words, exchanged',
    make: () => new PerCpuArray(1, { element: 'f64', index: 'concurrency' }),
    open: (buffer) => PerCpuArray.from(buffer),
    amount: one,
    add(words) {
      for (let before = words.load(0); ; before = words.load(0)) {
        if (words.compareExchange(0, before, before + 1) === before) return
      }
    },
    total: (words) => sumOfWords(words, 0),
    /** Adds nothing, by a vector that is done and one that is not. */
    disturb(words) {
      const vector = [
        { op: 'add', index: 0, value: 1 },
        { op: 'add', index: 0, value: -1 },
      ]
      const cpu = cpuOfExchanged()
      const done = cpuOpv(words, cpu, vector)
      const failed = cpuOpv(words, cpu, [vector[0], { op: 'compareEqual', index: 0, value: -1 }])
      return done === -1 && failed === 1 ? 0 : NaN
    },
  },
]
