// The table of contenders, which are the things that the benchmark measures.
//
// `code` is the body of a function of `n` that runs n operations; scope.mjs defines the names in it.
// Each contender is compiled from a source of its own, so that no two share type feedback.
import { postBox } from './messages.mjs'
import { openTrace, pinoLogger } from './traces.mjs'
import { manySeries } from './metrics.mjs'
import {
  hdrHistogram,
  meterCounter,
  lruCache,
  nodeHistogram,
  promCounter,
  promHistogram,
  promRegistry,
  ringBuffer,
} from './peers.mjs'

/** Returns the code of a loop around one operation. `sink` keeps V8 from optimizing the result away. */
function each(operation) {
  return `let sink = 0; for (let i = 0; i < n; i++) { ${operation} } return sink`
}

/** Returns the code of a loop that awaits one asynchronous operation in each round. */
function eachAwaited(operation) {
  return `return (async () => { ${each(operation)} })()`
}

/** Returns the code of a loop whose body makes `size` operations. */
function groups(size, body) {
  return `for (let i = 0; i < n; i += ${size}) { ${body} }`
}

const ALONE = [1]
const TOGETHER = [1, 2, 4, 8]

/**
 * `tier`: the tier of the library in the threads that run the contender.
 * `workers`: the numbers of threads that run it at the same time.
 * `step`: n is a multiple of this number.
 * `counts`: the code returns the number of operations that it made, which is at most n.
 * `sleeps`: the threads wait for each other, and leave CPUs free on purpose.
 * `tells`: the code returns the CPU time to count, in nanoseconds.
 * `prepare`: makes further variables that the code needs, before its first run, of the scope.
 */
export const contenders = [
  // The limits.
  { name: 'empty-loop', title: 'an empty loop', code: each('sink += i') },
  { name: 'cpu-id', title: 'cpuId()', code: each('sink += cpuId()') },
  { name: 'napi-cpu-id', title: 'the CPU’s number by a Node-API call', code: each('sink += plainCpuId()') },
  { name: 'js-call', title: 'a call of a JavaScript function', code: each('sink += addUp(i, 1)') },
  { name: 'empty-fast', title: 'an empty V8 fast call, 2 arguments', code: each('emptyFast(7, 1)') },
  { name: 'plain-napi', title: 'a plain Node-API call, 2 arguments', code: each('sink += plainCall(7, 1)') },
  { name: 'native-bare', title: 'C++: the bare section', code: 'loopBareSection(n)' },
  { name: 'native-add', title: 'C++: counter_add()', code: 'loopLibraryAdd(n)' },
  { name: 'native-atomic', title: 'C++: an atomic add, uncontended', code: 'loopAtomicAdd(n)' },
  // This library.
  { name: 'add', title: 'counter.add(1)', code: each('counter.add(1)'), workers: TOGETHER },
  {
    name: 'batch-16',
    title: '16 x batch.add(i, 1), commit()',
    step: 16,
    workers: TOGETHER,
    code: groups(16, 'for (let k = 0; k < 16; k++) batch.add(k, 1); batch.commit()'),
  },
  {
    name: 'batch-256',
    title: '256 x batch.add(i, 1), commit()',
    step: 256,
    code: groups(256, 'for (let k = 0; k < 256; k++) largeBatch.add(k & 63, 1); largeBatch.commit()'),
  },
  { name: 'add-f64', title: "counter.add(0.5), type 'f64'", code: each('double.add(0.5)') },
  {
    name: 'tree-add',
    title: 'tree.add(1), a counter with a tree',
    code: each('tree.add(1)'),
    workers: [1, 2],
  },
  {
    name: 'tree-approximate',
    title: 'tree.approximate, 512 shards',
    code: each('sink += largeTree.approximate'),
  },
  {
    name: 'tree-at-least',
    title: 'tree.atLeast(far away), 512 shards',
    code: each('sink += largeTree.atLeast(1e12) ? 1 : 0'),
  },
  { name: 'tree-value', title: 'tree.value, 512 shards', code: each('sink += largeTree.value') },
  {
    name: 'rcu-read',
    title: 'rcu.readLock(), rcu.unlock()',
    code: each('rcu.readLock(); sink += i; rcu.unlock()'),
    workers: [1, 2],
  },
  { name: 'array-add', title: 'array.add(i, 1)', code: each('array.add(i & 63, 1)') },
  {
    name: 'add-many-16',
    title: 'array.addMany() of 16',
    step: 16,
    code: groups(16, 'array.addMany(indices, deltas, 16)'),
  },
  {
    name: 'add-many-1000',
    title: 'array.addMany() of 1000',
    step: 1000,
    code: groups(1000, 'array.addMany(indices, deltas)'),
  },
  {
    name: 'mutex',
    title: 'mutex.lock(), guarded[0]++, unlock()',
    code: each('mutex.lock(); guarded[0]++; mutex.unlock()'),
    workers: TOGETHER,
    sleeps: true,
  },
  {
    name: 'mutex-on-file',
    title: 'mutex.lock(), guarded[0]++, unlock(), in memory that processes share',
    code: each('onFiles.mutex.lock(); guarded[0]++; onFiles.mutex.unlock()'),
    workers: [1, 2],
    sleeps: true,
  },
  {
    name: 'stack',
    title: 'stack.push(i), stack.pop()',
    code: each('stack.push(i); sink = stack.pop()'),
    workers: TOGETHER,
  },
  {
    name: 'list',
    title: 'list.pop(), list.push(node)',
    code: each('const node = list.pop(); if (node !== undefined) { list.push(node); sink = node }'),
    workers: TOGETHER,
  },
  {
    name: 'words-add',
    title: 'words.add(i, 1), a PerCpuArray',
    code: each('sink = words.add(1, 1)'),
    workers: TOGETHER,
  },
  {
    name: 'words-exchange',
    title: 'words.compareExchange(i, x, x + 1), a PerCpuArray',
    code: each('sink = words.compareExchange(2, sink, sink + 1) + 1'),
  },
  {
    name: 'words-load',
    title: 'words.load(i), words.lastCpu, a PerCpuArray',
    code: each('sink += words.load(1) + words.lastCpu'),
  },
  { name: 'words-f64', title: "words.add(i, 0.5), element 'f64'", code: each('sink = doubles.add(1, 0.5)') },
  {
    name: 'words-napi',
    title: 'words.add(i, 1), Node-API tier',
    tier: 'napi',
    code: each('sink = words.add(1, 1)'),
  },
  {
    name: 'opv',
    title: 'cpuOpv() of 3 operations on one CPU',
    code: each('sink += cpuOpv(words, 0, vector)'),
  },
  {
    name: 'stack-many-16',
    title: 'stack.pushMany() and popMany() of 16',
    step: 16,
    code: groups(16, 'stack.pushMany(values, 16); stack.popMany(values, 16)'),
  },
  {
    name: 'stack-remote',
    title: 'stack.pushTo(0, i), stack.popFrom(0)',
    code: each('stack.pushTo(0, i); stack.popFrom(0)'),
  },
  {
    name: 'stack-napi',
    title: 'stack.push(i), stack.pop(), Node-API tier',
    tier: 'napi',
    code: each('stack.push(i); sink = stack.pop()'),
  },
  {
    name: 'pool',
    title: 'pool.free(pool.alloc())',
    code: each('pool.free(pool.alloc())'),
    workers: TOGETHER,
  },
  {
    name: 'pool-checked',
    title: 'pool.free(pool.alloc()), checked',
    code: each('checkedPool.free(checkedPool.alloc())'),
  },
  {
    name: 'heap',
    title: 'heap.free(heap.alloc(64 to 4096))',
    code: each('heap.free(heap.alloc(64 << (i % 7)))'),
    workers: TOGETHER,
  },
  {
    name: 'map-get-into',
    title: 'map.getInto(key, bytes): 100 bytes, a key of 16 characters',
    code: each('sink += map.getInto(keys[i & 1023], content)'),
    workers: TOGETHER,
  },
  {
    name: 'map-get',
    title: 'map.get(key): 100 bytes',
    code: each('sink += map.get(keys[i & 1023]).length'),
  },
  {
    name: 'map-set',
    title: 'map.set(key, bytes): 100 bytes',
    code: each('sink = map.set(keys[i & 1023], content)'),
    workers: TOGETHER,
  },
  {
    name: 'pool-across',
    title: 'one worker takes blocks, another gives them back',
    code: 'return handOver.run(n)',
    step: 4096,
    workers: [2],
    counts: true,
    sleeps: true,
  },
  {
    name: 'treiber',
    title: "Treiber's stack with Atomics: push, pop",
    code: `let mine = node; let sink = 0
      for (let i = 0; i < n; i++) { treiber.push(mine, i); mine = treiber.pop() || mine; sink = treiber.valueOf(mine) }
      return sink`,
    workers: [1, 2],
  },
  {
    name: 'ring-write',
    title: 'ring.write(64 bytes), a flight recorder',
    code: each('recorder.write(record)'),
    workers: TOGETHER,
  },
  {
    name: 'ring-write-on-file',
    title: 'ring.write(64 bytes), in memory that processes share',
    code: each('onFiles.recorder.write(record)'),
  },
  {
    name: 'ring-write-drain',
    title: '256 x ring.write(64 bytes), drain()',
    step: 256,
    code: groups(256, 'for (let k = 0; k < 256; k++) ring.write(record); ring.drain(ignore)'),
  },
  {
    name: 'ring-write-napi',
    title: 'ring.write(64 bytes), Node-API tier',
    tier: 'napi',
    code: each('recorder.write(record)'),
  },
  {
    name: 'trace-two',
    title: 'trace.two(i, 1.5): an event of two numbers',
    prepare: openTrace,
    code: each('trace.two(i, 1.5)'),
  },
  {
    name: 'trace-by-name',
    title: 'trace.two({ id: i, ms: 1.5 })',
    prepare: openTrace,
    code: each('trace.two({ id: i, ms: 1.5 })'),
  },
  {
    name: 'trace-text',
    title: 'trace.text(text): an event with 20 characters',
    prepare: openTrace,
    code: each('trace.text(texts[i & 63])'),
  },
  {
    name: 'trace-off',
    title: 'trace.off(i, 1.5): an event that is off',
    prepare: openTrace,
    code: each('sink += trace.off(i, 1.5) ? 1 : i'),
  },
  {
    name: 'trace-span',
    title: 'trace.span(i)(1.5): the two records of a span',
    prepare: openTrace,
    code: each('trace.span(i)(1.5)'),
  },
  {
    name: 'cpu-lock',
    title: 'lock.unlock(lock.lockThisCpu())',
    code: each('lock.unlock(lock.lockThisCpu())'),
    workers: TOGETHER,
  },
  {
    name: 'cpu-lock-on-file',
    title: 'lock.unlock(lock.lockThisCpu()), in memory that processes share',
    code: each('onFiles.lock.unlock(onFiles.lock.lockThisCpu())'),
  },
  { name: 'value', title: 'counter.value', code: each('sink += counter.value') },
  {
    name: 'add-napi',
    title: 'counter.add(1), Node-API tier',
    tier: 'napi',
    code: each('counter.add(1)'),
    workers: TOGETHER,
  },
  {
    name: 'increment-napi',
    title: 'counter.increment(), Node-API tier',
    tier: 'napi',
    code: each('counter.increment()'),
    workers: [1, 2],
  },
  {
    name: 'batch-16-napi',
    title: '16 x batch.add(i, 1), commit(), Node-API tier',
    tier: 'napi',
    step: 16,
    code: groups(16, 'for (let k = 0; k < 16; k++) batch.add(k, 1); batch.commit()'),
  },
  {
    name: 'value-napi',
    title: 'counter.value, Node-API tier',
    tier: 'napi',
    code: each('sink += counter.value'),
  },
  {
    name: 'add-portable',
    title: 'counter.add(1), portable tier',
    tier: 'portable',
    code: each('counter.add(1)'),
    workers: TOGETHER,
  },
  // Metrics and histograms.
  { name: 'inc', title: 'a series of a counter: inc()', code: each('series.inc()'), workers: TOGETHER },
  {
    name: 'labels-inc',
    title: 'labels({ 2 labels }).inc()',
    code: each("requests.labels({ method: 'GET', status: 200 }).inc()"),
  },
  { name: 'gauge-set', title: 'gauge.set(x)', code: each('inFlight.set(i)') },
  {
    name: 'observe',
    title: 'histogram.observe(x), 11 bounds',
    code: each('route.observe((i & 1023) / 100)'),
  },
  {
    name: 'commit-8',
    title: 'metrics.batch() of 8 counters: commit()',
    code: each('ofCounters.commit(1, 1, i & 1023, 1, 1, 1, 1, 1)'),
  },
  {
    name: 'commit-8-kinds',
    title: 'metrics.batch() of 6 counters, gauge, histogram: commit()',
    code: each('ofAllKinds.commit(1, 1, i & 1023, 1, 1, 1, -1, (i & 1023) / 100)'),
  },
  {
    name: 'record',
    title: 'PerCpuHistogram: record(x)',
    code: each('histogram.record(i & 0xffff)'),
    workers: TOGETHER,
  },
  {
    name: 'scrape',
    title: 'a scrape of 10,000 series, in pieces',
    prepare: manySeries,
    code: eachAwaited('for await (const piece of peer.expose()) sink += Buffer.byteLength(piece)'),
  },
  // The alternatives.
  {
    name: 'alloc-unsafe',
    title: 'Buffer.allocUnsafe(256)',
    code: each('sink = Buffer.allocUnsafe(256)'),
  },
  {
    name: 'alloc-unsafe-sizes',
    title: 'Buffer.allocUnsafe(64 to 4096)',
    code: each('sink = Buffer.allocUnsafe(64 << (i % 7))'),
  },
  {
    name: 'atomics-int32',
    title: 'Atomics.add, Int32, one word',
    code: each('Atomics.add(int32, 0, 1)'),
    workers: TOGETHER,
  },
  {
    name: 'add-on-file',
    title: 'counter.add(1), in memory that processes share',
    code: each('onFiles.counter.add(1)'),
    workers: [1, 2],
  },
  {
    name: 'atomics-on-file',
    title: 'Atomics.add, Int32, one word of memory that processes share',
    code: each('Atomics.add(onFiles.int32, 0, 1)'),
    workers: [1, 2],
  },
  {
    name: 'atomics-bigint64',
    title: 'Atomics.add, BigInt64, one word',
    code: each('Atomics.add(bigint64, 0, 1n)'),
    workers: TOGETHER,
  },
  {
    name: 'atomics-sharded',
    title: 'Atomics.add, Int32, the word of cpuId()',
    workers: TOGETHER,
    code: each('Atomics.add(sharded, cpuId() << 5, 1)'),
  },
  {
    name: 'mutex-atomics',
    title: 'Atomics.compareExchange, guarded[0]++, Atomics.store',
    // This contender has a word of its own, which is 0 at first. If another contender left it locked, every exchange would fail
    // and cost half.
    code: each(
      'if (Atomics.compareExchange(freeWord, 0, 0, 1) !== 0) throw new Error(); guarded[0]++; Atomics.store(freeWord, 0, 0)',
    ),
  },
  {
    name: 'mutex-js',
    title: 'a mutex in JavaScript, spinning, then Atomics.wait',
    code: each('jsMutex.lock(); guarded[0]++; jsMutex.unlock()'),
    workers: TOGETHER,
    sleeps: true,
  },
  {
    name: 'ringbuf',
    title: 'ringbuf.js: push and pop of 64 bytes, one thread',
    prepare: ringBuffer,
    code: each('sink += peer.push(record); peer.pop(into)'),
  },
  {
    name: 'performance-mark',
    title: 'performance.mark(), its entries cleared after 256',
    step: 256,
    code: groups(256, "for (let k = 0; k < 256; k++) performance.mark('m'); performance.clearMarks()"),
  },
  {
    name: 'pino',
    title: 'pino: info({ id, ms }) to /dev/null',
    prepare: pinoLogger,
    code: each("peer.info({ id: i, ms: 1.5 }, 'two')"),
  },
  {
    name: 'post-message',
    title: 'postMessage(64 bytes), 64 in a row, the sender’s part',
    prepare: postBox,
    step: 64,
    code: groups(64, 'for (let k = 0; k < 64; k++) peer.send(record); peer.settle()'),
  },
  {
    name: 'post-message-received',
    title: 'postMessage(), sent and received, both threads’ part',
    prepare: postBox,
    step: 64,
    code: 'return peer.timeOfRows(record, n)',
    tells: true,
  },
  {
    name: 'post-message-waking',
    title: 'postMessage() to a waiting worker, the sender’s part',
    prepare: postBox,
    code: 'return peer.timeOfEach(record, n)',
    tells: true,
  },
  { name: 'slot', title: 'a slot per thread, slots[mine]++', code: each('slots[mine]++'), workers: TOGETHER },
  {
    name: 'prom',
    title: 'prom-client: counter.inc(), one thread only',
    prepare: promCounter,
    code: each('peer.inc()'),
  },
  {
    name: 'prom-labels',
    title: 'prom-client: counter.inc({ 2 labels })',
    prepare: promCounter,
    code: each("labelled.inc({ method: 'GET', status: '200' })"),
  },
  {
    name: 'prom-observe',
    title: 'prom-client: histogram.observe(x)',
    prepare: promHistogram,
    code: each('peer.observe((i & 1023) / 100)'),
  },
  {
    name: 'prom-scrape',
    title: 'prom-client: registry.metrics() of 10,000 series',
    prepare: promRegistry,
    code: eachAwaited('sink += Buffer.byteLength(await peer.metrics())'),
  },
  {
    name: 'lru-get',
    title: 'lru-cache: get(key), and a copy of 100 bytes',
    prepare: lruCache,
    code: each('const value = peer.get(keys[i & 1023]); content.set(value); sink += value.length'),
  },
  {
    name: 'node-record',
    title: 'perf_hooks: histogram.record(x)',
    prepare: nodeHistogram,
    code: each('peer.record((i & 0xffff) + 1)'),
  },
  {
    name: 'hdr-record',
    title: 'hdr-histogram-js: recordValue(x)',
    prepare: hdrHistogram,
    code: each('peer.recordValue(i & 0xffff)'),
  },
  { name: 'otel', title: 'OpenTelemetry: counter.add(1)', prepare: meterCounter, code: each('peer.add(1)') },
  {
    name: 'otel-attributes',
    title: 'OpenTelemetry: counter.add(1, { 2 attributes })',
    prepare: meterCounter,
    code: each("peer.add(1, { method: 'GET', status: '200' })"),
  },
].map((contender) => ({
  tier: 'fast',
  workers: ALONE,
  step: 1,
  sleeps: false,
  counts: false,
  tells: false,
  ...contender,
}))
