// A process that opens a service and does what its parent asks for, by messages: {id, call, input}.
import { openSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { mapFile } from '../../../lib/runtime/mapping.js'
import { info } from '../../../lib/index.js'
import { openShared } from '../../../lib/shared/index.js'
import { defineMetrics } from '../../../lib/metrics/index.js'
import { recordOf } from '../shared-records.mjs'
import { Mixture } from './mixture.mjs'
import { answerCalls } from './answer-calls.mjs'

let shop
let metrics
/** What stays locked. */
const kept = []
/** Words of the notes that processes change under a mutex. */
const LEDGER = { first: 0, owner: 1, second: 2, two: 3, died: 4, confirmed: 8 }

/** Int32 words that the parent sees, whatever becomes of this process. */
function notes(path) {
  return new Int32Array(mapFile(openSync(path, 'r+'), path, 4096, 1))
}

const WORKER = `
  import { parentPort, workerData } from 'node:worker_threads'
  const { url, buffer, adds, delta, notes, thread } = workerData
  const { PerCpuCounter } = await import(url)
  const counter = PerCpuCounter.from(buffer)
  if (notes === undefined) for (let i = 0; i < adds; i++) counter.add(delta)
  else {
    const noted = new Int32Array(notes)
    for (let i = 1; ; i++) {
      counter.add(1)
      noted[thread] = i
    }
  }
`

function startThread(data) {
  const url = new URL('../../../lib/index.js', import.meta.url).href
  const code = new URL(`data:text/javascript,${encodeURIComponent(WORKER)}`)
  return new Worker(code, { workerData: { url, ...data } })
}

const calls = {
  open({ name, options }) {
    shop = openShared(name, options)
    return shop.slot
  },
  /** Adds in threads of its own, and waits for them. */
  async count({ counter, threads, adds, delta = 1, options }) {
    const { buffer } = shop.counter(counter, options)
    const ended = Array.from({ length: threads }, () => {
      const worker = startThread({ buffer, adds, delta })
      return new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
    })
    await Promise.all(ended)
  },
  /** Adds for ever, in threads that note each addition after it is made. */
  countForEver({ counter, threads, path }) {
    const noted = notes(path).buffer
    const { buffer } = shop.counter(counter)
    for (let thread = 0; thread < threads; thread++) startThread({ buffer, notes: noted, thread })
  },
  /** Counts once in a counter, in an array and in a histogram, and keeps them open. */
  useAll({ type = 'i64', length, range, delta = 1 }) {
    const objects = [
      shop.counter('work', { type }),
      shop.counterArray('kinds', length),
      shop.histogram('time', range),
    ]
    objects[0].add(delta)
    objects[1].add(length - 1, 1)
    objects[2].record(100)
    globalThis.kept = objects
    return objects[0].value
  },
  /** Opens metrics, and keeps them open. */
  openMetrics({ name, schema, processes }) {
    metrics = shop.metrics(name, defineMetrics(schema), processes === undefined ? {} : { processes })
  },
  /** Updates metrics: rows of a key, labels or null, a method and its value. */
  update({ rows }) {
    for (const [key, labels, method, value] of rows) {
      const metric = labels === null ? metrics[key] : metrics[key].labels(labels)
      metric[method](value)
    }
  },
  /** The text of the metrics that are open. */
  exposition() {
    return metrics.text()
  },
  /** Counts for ever in two threads, each of which opens the metrics; notes each update after it is made. */
  countMetricsForEver({ schema, path }) {
    const url = new URL('../../../lib/metrics/index.js', import.meta.url).href
    const code = `
      import { workerData } from 'node:worker_threads'
      const { defineMetrics } = await import(workerData.url)
      const { buffer, schema, notes, thread } = workerData
      const metrics = defineMetrics(schema).open(buffer)
      const words = new Int32Array(notes)
      const requests = metrics.requests.labels({ route: '/' })
      for (let i = 1; ; i++) {
        requests.inc()
        metrics.duration.observe(1)
        metrics.queued.inc()
        words[thread] = i
      }`
    for (const thread of [0, 1]) {
      const workerData = { url, schema, thread, buffer: metrics.buffer, notes: notes(path).buffer }
      new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData })
    }
  },
  /** Retires for ever. Never answers. */
  retireForEver() {
    for (;;) shop.retire()
  },
  /** Records the numbers from 1 on in a histogram for ever, and notes each one after it is recorded. Never answers. */
  recordForEver({ histogram, options, path }) {
    const noted = notes(path)
    const latency = shop.histogram(histogram, options)
    for (let i = 1; ; i++) {
      latency.record(i)
      noted[0] = i
    }
  },
  /** Writes numbered records for ever, and notes each one after it is written. Never answers. */
  writeForEver({ ring, bytes, options, path }) {
    const noted = notes(path)
    const log = shop.ring(ring, bytes, options)
    for (let i = 0; ; i++) {
      if (log.write(recordOf(i))) noted[0] = i + 1
    }
  },
  /** Is killed by its own hand while it has a record. Never answers. */
  dieReading({ ring, bytes }) {
    shop.ring(ring, bytes).drain(() => process.kill(process.pid, 'SIGKILL'))
  },
  /** A Worker of this process is terminated while it has a record. */
  async endReading({ ring, bytes }) {
    const url = new URL('../../../lib/index.js', import.meta.url).href
    const code = `
      import { parentPort, workerData } from 'node:worker_threads'
      const { PerCpuRing } = await import(workerData.url)
      PerCpuRing.from(workerData.buffer).drain(() => {
        parentPort.postMessage('reading')
        for (;;);
      })`
    const { buffer } = shop.ring(ring, bytes)
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
      workerData: { url, buffer },
    })
    await new Promise((resolve) => worker.once('message', resolve))
    await worker.terminate()
  },
  /** Takes blocks and nodes and answers their numbers and holders. */
  hold({ pool, list, count }) {
    const blocks = shop.pool('blocks', pool)
    const nodes = shop.list('nodes', list)
    const taken = Array.from({ length: count }, () => blocks.alloc())
    return {
      blocks: taken.map((block) => [block, blocks.holder(block)]),
      nodes: Array.from({ length: count }, () => nodes.pop()),
    }
  },
  /** Adopts blocks, and answers which of them it has now. */
  adopt({ pool, blocks }) {
    const opened = shop.pool('blocks', pool)
    return blocks.map(([block, holder]) => opened.adopt(block, holder))
  },
  /**
   * Takes, gives back and passes on blocks and nodes for ever; notes in word `number` how often. Blocks go from one process to
   * the next through a ring, with the number of their holder. Never answers.
   */
  churnForEver({ pool, list, ring, number, path }) {
    const noted = notes(path)
    const blocks = shop.pool('blocks', pool)
    const nodes = shop.list('nodes', list)
    const mail = shop.ring('mail', ring)
    const words = new Uint32Array(2)
    const bytes = new Uint8Array(words.buffer)
    const held = []
    for (let turn = 1; ; turn++) {
      for (let n = turn % 40; held.length < n;) {
        const block = blocks.alloc()
        if (block === -1) break
        held.push(block)
      }
      const node = nodes.pop()
      if (turn % 5 === 0 && held.length > 0) {
        words[0] = held.pop()
        words[1] = blocks.holder(words[0])
        if (!mail.write(bytes)) held.push(words[0])
      }
      if (turn % 200 === 0) {
        mail.drain((record) => {
          const [block, holder] = new Uint32Array(record.bytes.slice().buffer)
          if (blocks.adopt(block, holder)) blocks.free(block)
        })
      }
      while (held.length > 10) blocks.free(held.pop())
      if (node !== -1) nodes.push(node)
      noted[number] = turn
    }
  },
  /** Locks a mutex and a CPU's lock, and keeps them. */
  lock({ mutex, cpuLock }) {
    kept.push(shop.mutex(mutex), shop.cpuLock(cpuLock))
    kept[0].lock()
    return kept[1].lockThisCpu()
  },
  /** Waits for a mutex, and answers how it got it and when, in milliseconds since 1970. */
  async wait({ mutex, how }) {
    const opened = shop.mutex(mutex)
    let died = false
    try {
      if (how === 'lockAsync') await opened.lockAsync()
      else opened.lock()
    } catch (error) {
      died = error.name === 'OwnerDiedError'
    }
    const at = Date.now()
    opened.unlock()
    return { died, at }
  },
  /** Adds under a mutex and under the locks of the CPUs, or without them, in threads of its own. */
  async addLocked({ mutex, cpuLock, path, threads, adds, isLocked }) {
    const buffers = { words: notes(path).buffer, mutex: shop.mutex(mutex).buffer }
    const ended = Array.from({ length: threads }, () => {
      const data = { buffers: { ...buffers, cpuLock: shop.cpuLock(cpuLock).buffer }, adds, isLocked }
      const worker = new Worker(new URL('../workers/shared-locker.mjs', import.meta.url), {
        workerData: data,
      })
      return new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
    })
    await Promise.all(ended)
  },
  /** Adds under a mutex for ever, and notes each addition after it is made. Never answers. */
  lockForEver({ mutex, path, number }) {
    const words = notes(path)
    const opened = shop.mutex(mutex)
    for (let i = 1; ; i++) {
      try {
        opened.lock()
      } catch {
        words[LEDGER.first] = words[LEDGER.second] // The owner died, perhaps between its two additions.
        words[LEDGER.died]++
      }
      words[LEDGER.owner] = process.pid
      words[LEDGER.first]++
      words[LEDGER.second]++
      if (words[LEDGER.owner] !== process.pid) words[LEDGER.two]++
      opened.unlock()
      words[LEDGER.confirmed + number] = i
    }
  },
  /** Locks and unlocks a mutex, whatever is in it. */
  lockOften({ mutex, cpuLock, times }) {
    const opened = shop.mutex(mutex)
    const cpus = shop.cpuLock(cpuLock)
    for (let i = 0; i < times; i++) {
      try {
        if (opened.tryLock(1)) opened.unlock()
        const cpu = cpus.tryLockThisCpu()
        if (cpu !== -1) cpus.unlock(cpu)
      } catch (error) {
        if (error.name !== 'OwnerDiedError') throw error
        if (error.cpu === undefined) opened.unlock()
        else cpus.unlock(error.cpu)
      }
    }
  },
  add({ counter, delta, options }) {
    const opened = shop.counter(counter, options)
    opened.add(delta)
    return opened.value
  },
  /** How this process works on the memory of its own, and on that of the service. */
  ways() {
    const { backend, sharing } = info()
    return { backend, sharing }
  },
  /** Uses every structure so many times, and answers what it did: see `mixture.mjs`. */
  mix({ rounds, number, path }) {
    const mixture = new Mixture(shop, number, notes(path))
    for (let round = 0; round < rounds; round++) mixture.round()
    return mixture.done()
  },
  /** Uses every structure for ever, and notes how often. Never answers. */
  mixForEver({ number, path }) {
    const mixture = new Mixture(shop, number, notes(path))
    for (;;) mixture.round()
  },
  /** Pushes a number on the stack of each CPU in turn, as the owner of its shard, and pops it: answers how often that worked. */
  visit({ cpus, times }) {
    const stack = shop.stack('visited', 100)
    let popped = 0
    for (let i = 0; i < times; i++) {
      for (const cpu of cpus) {
        stack.onCpu(cpu, (owned) => {
          owned.push(i)
          if (owned.pop() === i) popped++
        })
      }
    }
    return popped
  },
  /** Opens a counter and a ring that may not be there yet. */
  race({ counter, ring, bytes }) {
    shop.counter(counter).add(1)
    return shop.ring(ring, bytes).write(recordOf(process.pid))
  },
}

answerCalls(calls)
