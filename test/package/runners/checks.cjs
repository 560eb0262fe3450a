// What a test of a service may do with the package, by require(). Each runner runs all of it.
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { join } = require('node:path')
const { Worker } = require('node:worker_threads')
const rseq = require('rseq')
const client = require('rseq/prom-client')
const { KeyvSharedMap } = require('rseq/keyv')
const { defineMetrics } = require('rseq/metrics')
const { openShared } = require('rseq/shared')
const { defineEvents } = require('rseq/trace')

exports['counts with a Worker'] = async () => {
  const counter = new rseq.PerCpuCounter()
  counter.add(1)
  const worker = new Worker(join(__dirname, 'worker.cjs'), { workerData: counter.buffer })
  const [code] = await once(worker, 'exit')
  assert.deepEqual([code, counter.value, rseq.info().backend], [0, 1001, process.env.EXPECTED_BACKEND])
}

exports['locks, and gives up waiting'] = async () => {
  const mutex = new rseq.Mutex()
  await mutex.lockAsync()
  await assert.rejects(mutex.lockAsync({ timeout: 1 }), { name: 'TimeoutError' })
  mutex.unlock()
}

exports['has metrics'] = async () => {
  client.collectDefaultMetrics()
  new client.Counter({ name: 'a_total', help: 'a', labelNames: ['x'] }).inc({ x: 'y' })
  const text = await client.register.metrics()
  assert.match(text, /^a_total\{x="y"\} 1$/m)
  assert.match(text, /^process_cpu_user_seconds_total /m)
  const metrics = defineMetrics({ counters: { b: { name: 'b_total', help: 'b' } } }).create()
  metrics.b.inc(2)
  assert.match(metrics.text(), /^b_total 2$/m)
}

exports['shares memory and traces'] = () => {
  const shop = openShared('shop', { directory: process.env.SHARED_DIRECTORY })
  const counter = shop.counter('requests')
  counter.add(3)
  assert.equal(counter.value, 3)
  const trace = defineEvents('shop', { request: { fields: { url: 'string', ms: 'f64' } } }).open(shop)
  trace.request({ url: '/cart', ms: 1.5 })
}

exports['keeps values of keyv in a map'] = async () => {
  const store = new KeyvSharedMap(new rseq.SharedMap({ entries: 100, bytes: 65536 }))
  await store.set('pages:/', 'hello', 60_000)
  assert.deepEqual([await store.get('pages:/'), await store.has('pages:/cart')], ['hello', false])
}
