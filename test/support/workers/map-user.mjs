/**
 * Uses a map as all workers of the team do at the same time: reads and writes texts that say which key they belong to, adds to
 * numbers by `increment` and by compare and set, and reports what was wrong.
 *
 * Without `isCareful`, it believes what it has copied without asking whether it was overwritten meanwhile: the control.
 */
import { workerData } from 'node:worker_threads'
import { SharedMap } from '../../../lib/index.js'
import { MapReader } from '../../../lib/map/reader.js'
import { lineUp, report } from './team.mjs'

const { buffer, rounds, keys, progress, slot, isCareful = true } = workerData
if (!isCareful) MapReader.prototype.isIntact = () => true
const map = SharedMap.from(buffer)

/** A text for a key, of a length that differs from one to the next. */
function textFor(key, n) {
  return `${key}/${n}/`.padEnd(200 + ((n * 37) % 1800), `${n % 10}`)
}

function isOf(key, text) {
  const [owner, n] = text.split('/')
  return owner === key && text === textFor(key, Number(n))
}

let wrong = 0
let found = 0
let added = 0
let swapped = 0

/** Reads some keys, and counts the texts that belong to none of their writers. */
function read(n) {
  for (let k = 0; k < 4; k++) {
    const key = `key${(n * 31 + k * 101) % keys}`
    const text = map.get(key)
    if (text === undefined) continue
    found++
    if (!isOf(key, text)) wrong++
  }
}

function write(n) {
  const key = `key${(n * 7919) % keys}`
  map.set(key, textFor(key, n))
  if (n % 16 === 0) map.delete(key)
  map.increment('sum')
  added++
  const entry = map.entry('swapped')
  if (entry === undefined ? map.add('swapped', 1) : map.update('swapped', entry.version, entry.value + 1))
    swapped++
}

lineUp()
for (let n = slot; n < rounds && (isCareful || wrong === 0); n++) {
  try {
    write(n)
    read(n)
  } catch (error) {
    if (isCareful) throw error
    wrong++
  }
  // A round that is over is never taken back, whatever ends the thread.
  if (progress !== undefined) Atomics.add(progress, slot, 1)
}
map[Symbol.dispose]()
report({ wrong, found, added, swapped })
