// Makes a service and its objects, and says after each step that it was taken. `shared-making.test.ts` kills it at its system calls.
//
// Arguments: the directory, and what to do. `before` and `retire-again` make a service that the process of `later` finds.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { defineMetrics } from '../../../lib/metrics/index.js'
import { openShared } from '../../../lib/shared/index.js'
import { BLOCKS, LIST, POOL, RING, SCHEMA } from './made.mjs'

const [, , directory, what, supportFile, modelFile] = process.argv
const STDOUT = 1
const MODEL_PIECE = 4096
/** A system call as well, without a buffer: a line that is there was written before the kill. */
const took = (step) => writeSync(STDOUT, `${step}\n`)
/** System calls are counted from here on. Without a tracer, the signal does nothing. */
const mark = () => process.kill(process.pid, 'SIGURG')
const open = () => openShared('shop', { directory })

/** Every kind of object, in a service that this process makes. */
function first() {
  mark()
  const shop = open()
  took('open')
  const counter = shop.counter('requests')
  counter.add(1)
  took('counter')
  const counters = shop.counterArray('statuses', 5)
  counters.add(4, 1)
  took('counterArray')
  const ring = shop.ring('log', RING)
  ring.write(Buffer.from('record'))
  took('ring')
  const pool = shop.pool('blocks', POOL)
  for (let k = 0; k < BLOCKS / 2; k++) pool.alloc()
  took('pool')
  const list = shop.list('nodes', LIST)
  for (let node = 0; node < LIST.nodes; node++) if (list.adopt(node, 0)) list.push(node)
  took('list')
  const stack = shop.stack('stack', 8)
  stack.push(5)
  took('stack')
  const histogram = shop.histogram('sizes', {})
  histogram.record(3)
  took('histogram')
  const mutex = shop.mutex('mutex')
  mutex.lock()
  mutex.unlock()
  took('mutex')
  const words = shop.array('words', 3)
  words.add(1, 1)
  took('array')
  const metrics = shop.metrics('metrics', defineMetrics(SCHEMA), { processes: 2 })
  metrics.requests.inc()
  metrics.queued.set(7)
  took('metrics')
  for (const one of [metrics, words, mutex, histogram, stack, list, pool, ring, counters, counter])
    one[Symbol.dispose]()
  took('dispose')
}

/** What a service has when `later` comes: a generation with counts, and one that was retired once and is in use again. */
function before() {
  const shop = open()
  shop.counter('again').add(3)
  shop.counter('work').add(2)
}
function retireAgain() {
  const shop = open()
  shop.counter('again', { type: 'f64' }).add(1)
  shop.retire()
}

/** Retires generations, and allocates the memory of the last CPU that this process may use. */
function later() {
  mark()
  const shop = open()
  took('open')
  const counters = ['again', 'work'].map((name) => [name, shop.counter(name, { type: 'f64' })])
  shop.retire()
  took('retire')
  const { getAffinity, setAffinity } = createRequire(import.meta.url)(supportFile)
  const cpu = getAffinity(0).at(-1)
  setAffinity(0, [cpu])
  for (const [name, counter] of counters) {
    counter.add(1)
    took(`add ${name}`)
  }
  const ring = shop.ring('log', RING)
  ring.write(Buffer.from('record'))
  took('ring')
}

/** The control: makes a counter's file under its own name before it is whole. `modelFile` is one that is whole. */
function inPlace() {
  const shop = open()
  mark()
  const file = openSync(join(shop.path, basename(modelFile)), 'wx')
  const model = readFileSync(modelFile)
  for (let at = 0; at < model.length; at += MODEL_PIECE) writeSync(file, model.subarray(at, at + MODEL_PIECE))
  closeSync(file)
}

const DO = { first, before, 'retire-again': retireAgain, later, 'in-place': inPlace }
DO[what]()
process.exit()
