// The bounds that the library promises to keep, one row for each. A row's value is computed in every round, from slices that
// ran within a second of each other. The median over the rounds is compared with the bound.
//
// `value` gets {cost, throughput, fastShare}: functions of a contender's name and a number of workers.
import { PerCpuCounter, PerCpuCounterArray, info } from '../lib/index.js'

const ELEMENTS = 1000

/** Returns the most bytes that the rows promise for an array of `length` counters. */
function promisedBytes(length) {
  const stride = Math.ceil((8 * length) / 128) * 128
  return (info().possibleCpus + 1) * stride + 256
}

export const rows = [
  {
    title: 'counter.add(1), one thread / an empty fast call',
    value: ({ cost }) => cost('add') / cost('empty-fast'),
    most: 1.5,
  },
  {
    title: 'counter.add(1), one thread / Atomics.add Int32',
    value: ({ cost }) => cost('add') / cost('atomics-int32'),
    most: 0.8,
  },
  {
    title: 'counter.add(1), two workers / its own one-thread cost',
    value: ({ cost }) => cost('add', 2) / cost('add'),
    most: 1.2,
  },
  {
    title: 'counter.add(1), two workers / Atomics.add Int32 on one word',
    value: ({ cost }) => cost('add', 2) / cost('atomics-int32', 2),
    most: 0.25,
  },
  {
    title: 'counter.add(1), throughput of eight workers / of two',
    value: ({ throughput }) => throughput('add', 8) / throughput('add', 2),
    least: 0.9,
  },
  {
    title: 'counter.add(1), Node-API tier / a plain Node-API call',
    value: ({ cost }) => cost('add-napi') / cost('plain-napi'),
    most: 0.6,
  },
  {
    title: 'batch.add x 16 + commit, per update / counter.add(1)',
    value: ({ cost }) => cost('batch-16') / cost('add'),
    most: 0.5,
  },
  {
    title: 'approximate of a counter with a tree, 512 shards / its value',
    value: ({ cost }) => cost('tree-approximate') / cost('tree-value'),
    most: 1 / 50,
  },
  {
    title: 'add(1) to a counter with a tree / counter.add(1)',
    value: ({ cost }) => cost('tree-add') / cost('add'),
    most: 2,
  },
  {
    title: 'rcu.readLock() + unlock() / an empty fast call',
    value: ({ cost }) => cost('rcu-read') / cost('empty-fast'),
    most: 3,
  },
  {
    title: 'cpuId(), ns over an empty loop',
    value: ({ cost }) => cost('cpu-id') - cost('empty-loop'),
    most: 1,
  },
  {
    title: 'cpuId() / a Node-API call for the same number',
    value: ({ cost }) => cost('cpu-id') / cost('napi-cpu-id'),
    most: 1 / 15,
  },
  {
    title: 'C++: counter_add() / the bare section',
    value: ({ cost }) => cost('native-add') / cost('native-bare'),
    most: 1.1,
  },
  {
    title: 'increment(), Node-API tier, two workers / Atomics.add Int32',
    value: ({ cost }) => cost('increment-napi', 2) / cost('atomics-int32', 2),
    most: 1,
  },
  {
    title: 'counter.add(1), share of calls that were fast',
    value: ({ fastShare }) => fastShare('add'),
    least: 0.999,
  },
  {
    title: 'mutex.lock() + unlock(), one thread / Atomics.compareExchange + store',
    value: ({ cost }) => cost('mutex') / cost('mutex-atomics'),
    most: 0.8,
  },
  {
    title: 'mutex, operations a second of eight workers / of a mutex in JavaScript',
    value: ({ throughput }) => throughput('mutex', 8) / throughput('mutex-js', 8),
    least: 1.5,
  },
  {
    title: 'a series inc() / prom-client labelled inc()',
    value: ({ cost }) => cost('inc') / cost('prom-labels'),
    most: 1 / 15,
  },
  {
    title: 'a series inc() / counter.add(1)',
    value: ({ cost }) => cost('inc') / cost('add'),
    most: 1.3,
  },
  {
    title: 'labels({ 2 labels }).inc() / prom-client labelled inc()',
    value: ({ cost }) => cost('labels-inc') / cost('prom-labels'),
    most: 0.5,
  },
  {
    title: 'OpenTelemetry counter.add(1, { 2 attributes }) / labels({ 2 labels }).inc()',
    value: ({ cost }) => cost('otel-attributes') / cost('labels-inc'),
    least: 10,
  },
  {
    title: 'a batch of 8 counters, commit() / one inc()',
    value: ({ cost }) => cost('commit-8') / cost('inc'),
    most: 4,
  },
  {
    title: 'PerCpuHistogram record() / perf_hooks record()',
    value: ({ cost }) => cost('record') / cost('node-record'),
    most: 0.6,
  },
  {
    title: 'PerCpuHistogram record(), two workers / its own one-thread cost',
    value: ({ cost }) => cost('record', 2) / cost('record'),
    most: 1.2,
  },
  {
    title: 'stack.push + pop, one thread / an empty fast call',
    value: ({ cost }) => cost('stack') / cost('empty-fast'),
    most: 2.6,
  },
  {
    title: "stack.push + pop, one thread / Treiber's stack with Atomics",
    value: ({ cost }) => cost('stack') / cost('treiber'),
    most: 0.4,
  },
  {
    title: 'stack.push + pop, two workers / its own one-thread cost',
    value: ({ cost }) => cost('stack', 2) / cost('stack'),
    most: 1.3,
  },
  {
    title: "list.pop + push, one thread / Treiber's stack with Atomics",
    value: ({ cost }) => cost('list') / cost('treiber'),
    most: 0.4,
  },
  {
    title: 'list.pop + push, two workers / its own one-thread cost',
    value: ({ cost }) => cost('list', 2) / cost('list'),
    most: 1.3,
  },
  {
    title: 'stack.push and pop, share of calls that were fast',
    value: ({ fastShare }) => fastShare('stack'),
    least: 0.999,
  },
  {
    title: 'pool.alloc + free, one thread / Buffer.allocUnsafe(256)',
    value: ({ cost }) => cost('pool') / cost('alloc-unsafe'),
    most: 0.4,
  },
  {
    title: 'heap.alloc + free of 64 to 4096 bytes / Buffer.allocUnsafe of the same',
    value: ({ cost }) => cost('heap') / cost('alloc-unsafe-sizes'),
    most: 0.3,
  },
  {
    title: 'map.getInto of 100 bytes / lru-cache.get and a copy of them',
    value: ({ cost }) => cost('map-get-into') / cost('lru-get'),
    most: 3,
  },
  {
    title: 'map.getInto, two workers / one',
    value: ({ cost }) => cost('map-get-into', 2) / cost('map-get-into'),
    most: 1.1,
  },
  {
    title: 'map.set, two workers / one',
    value: ({ cost }) => cost('map-set', 2) / cost('map-set'),
    most: 1.3,
  },
  {
    title: 'pool, one worker takes and one gives back, per block / the local pair',
    value: ({ cost }) => cost('pool-across', 2) / cost('pool'),
    most: 2,
  },
  {
    title: 'ring.write of 64 bytes, stamped / ringbuf.js push + pop',
    value: ({ cost }) => cost('ring-write') / cost('ringbuf'),
    most: 0.35,
  },
  {
    title: 'ring.write of 64 bytes, stamped / postMessage, sent and received',
    value: ({ cost }) => cost('ring-write') / cost('post-message-received'),
    most: 1 / 100,
  },
  {
    title: 'ring.write, two workers / its own one-thread cost',
    value: ({ cost }) => cost('ring-write', 2) / cost('ring-write'),
    most: 1.3,
  },
  {
    title: 'ring.write, share of calls that were fast',
    value: ({ fastShare }) => fastShare('ring-write'),
    least: 0.999,
  },
  {
    title: 'an event of two numbers / an empty fast call',
    value: ({ cost }) => cost('trace-two') / cost('empty-fast'),
    most: 12,
  },
  {
    title: 'an event with a text of 20 characters / an empty fast call',
    value: ({ cost }) => cost('trace-text') / cost('empty-fast'),
    most: 15,
  },
  {
    title: 'an event that is off, ns over an empty loop',
    value: ({ cost }) => cost('trace-off') - cost('empty-loop'),
    most: 1,
  },
  {
    title: 'an event of two numbers / performance.mark()',
    value: ({ cost }) => cost('trace-two') / cost('performance-mark'),
    most: 1 / 10,
  },
  {
    title: 'an event of two numbers / a line of pino to /dev/null',
    value: ({ cost }) => cost('trace-two') / cost('pino'),
    most: 1 / 50,
  },
  {
    title: 'counter.add(1) in memory that processes share / in a process of its own',
    value: ({ cost }) => cost('add-on-file') / cost('add'),
    most: 1.05,
  },
  {
    title: 'ring.write of 64 bytes in memory that processes share / in a process of its own',
    value: ({ cost }) => cost('ring-write-on-file') / cost('ring-write'),
    most: 1.05,
  },
  {
    title: 'mutex.lock() + unlock() in memory that processes share / in a process of its own',
    value: ({ cost }) => cost('mutex-on-file') / cost('mutex'),
    most: 1.3,
  },
  {
    title: 'lock.lockThisCpu() + unlock() in memory that processes share / in a process of its own',
    value: ({ cost }) => cost('cpu-lock-on-file') / cost('cpu-lock'),
    most: 1.3,
  },
  {
    title: 'counter.add(1) / Atomics.add Int32, two workers, in memory that processes share',
    value: ({ cost }) => cost('add-on-file', 2) / cost('atomics-on-file', 2),
    most: 0.25,
  },
  {
    title: 'words.add(i, 1), one thread / an empty fast call',
    value: ({ cost }) => cost('words-add') / cost('empty-fast'),
    most: 2,
  },
  {
    title: 'words.add(i, 1), one thread / counter.add(1)',
    value: ({ cost }) => cost('words-add') / cost('add'),
    most: 1.5,
  },
  {
    title: 'words.add(i, 1), two workers / its own one-thread cost',
    value: ({ cost }) => cost('words-add', 2) / cost('words-add'),
    most: 1.2,
  },
  {
    title: 'words.add(i, 1), share of calls that were fast',
    value: ({ fastShare }) => fastShare('words-add'),
    least: 0.999,
  },
  {
    title: 'a scrape of 10,000 series, time on its thread / prom-client',
    value: ({ cost }) => cost('scrape') / cost('prom-scrape'),
    most: 1 / 5,
  },
  {
    title: 'a counter, bytes / (CPUs + 1) x 128 + 256',
    value: () => new PerCpuCounter().buffer.byteLength / promisedBytes(1),
    most: 1,
  },
  {
    title: `an array of ${ELEMENTS}, bytes / (CPUs + 1) x ${8 * ELEMENTS} + 256`,
    value: () => new PerCpuCounterArray(ELEMENTS).buffer.byteLength / promisedBytes(ELEMENTS),
    most: 1,
  },
]
