/**
 * Counts its steps in words of its CPU: in the first by additions, in the second by a loop of compare and exchange, in
 * the third by taking out what is there and putting back one more. Every few steps moves what a CPU has in its
 * second word to the next CPU, by an owner and by a vector. `steps` times, or until it is told to stop; `cpu` pins it
 * first. Notes in `ledger`, 2 words for each worker, the additions that it has begun and those that are made.
 * Reports its steps, and how many additions it was told to have made on which CPU (the overflow words' last).
 */
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'
import { PerCpuArray, cpuOpv, info } from '../../../lib/index.js'
import { isStopped, lineUp, report } from './team.mjs'

const { buffer, who, steps = Infinity, remoteEvery = 32, cpu, supportFile, ledger, keeps = true } = workerData
const MOST_ATTEMPTS = 100_000
if (cpu !== undefined) createRequire(import.meta.url)(supportFile).setAffinity(0, [cpu])
const words = PerCpuArray.from(buffer)
const cpus = info().possibleCpus
const told = new Array(cpus + 1).fill(0)

/** On whichever CPU: that its word has changed or is another one's, is seen. */
function increment(i) {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const before = words.load(i)
    if (words.compareExchange(i, before, before + 1) === before) return
  }
  throw new Error(`word ${i} changed in each of ${MOST_ATTEMPTS} attempts`)
}

function moveOn(turn) {
  const [from, to] = [turn % cpus, (turn + 1) % cpus]
  const taken = words.onCpu(from, (owned) => {
    const held = owned.load(1)
    if (owned.exchange(1, 0) !== held) throw new Error('somebody else was there')
    if (owned.load(3) !== owned.load(4)) throw new Error('half of a vector was there')
    return held
  })
  const vector = [
    { op: 'add', index: 3, value: taken },
    { op: 'compareNotEqual', index: 1, value: -1 },
    { op: 'copy', index: 4, from: 3 },
    { op: 'add', index: 1, value: taken },
  ]
  if (cpuOpv(words, to, vector) !== -1) throw new Error('a comparison failed that holds')
  if (cpuOpv(words, to, [...vector, { op: 'compareEqual', index: 1, value: -1 }]) !== 4)
    throw new Error('a comparison held that does not')
}

lineUp()
let number = 0
while (number < steps && !isStopped()) {
  number++
  if (ledger !== undefined) ledger[2 * who] = number
  words.add(0, 1)
  told[words.lastCpu < 0 ? cpus : words.lastCpu]++
  if (ledger !== undefined) Atomics.store(ledger, 2 * who + 1, number)
  increment(1)
  if (keeps) words.add(2, words.exchange(2, 0) + 1)
  if (number % remoteEvery === 0) moveOn(number / remoteEvery)
}
report({ steps: number, told })
