// What the chaos works on: one row for each structure. A row makes it, opens it in a worker, does one
// operation there and says how much that adds, and reads the total at the end.
import { CounterBatch, PerCpuCounter, PerCpuCounterArray } from '../../lib/index.js'

const ELEMENTS = 20

/** A small whole number; half of them in the f64 counter, where they are as exact. */
const small = (random) => 1 + Math.floor(random() * 100)

function sumOf(counters) {
  return counters.snapshot().reduce((sum, value) => sum + value, 0)
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
]
