/**
 * Takes nodes out of lists, writes into their payload and puts them back, `steps` times or until it is told to stop; every
 * few steps on another CPU's list. `cpu` pins it first. Has one node at most at any time. Reports its steps, and payloads
 * that did not hold what was written.
 */
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'
import { PerCpuList, info } from '../../../lib/index.js'
import { hold, release } from '../tokens.mjs'
import { isStopped, lineUp, report } from './team.mjs'

const { buffer, tokens, who, steps = Infinity, remoteEvery = 16, cpu, supportFile, progress } = workerData
const ways = [
  { take: (list, from) => list.popFrom(from), put: (list, to, node) => list.pushTo(to, node) },
  {
    take: (list, from) => list.onCpu(from, (owned) => owned.pop()),
    put: (list, to, node) => list.onCpu(to, (owned) => owned.push(node)),
  },
]

if (cpu !== undefined) createRequire(import.meta.url)(supportFile).setAffinity(0, [cpu])
const list = PerCpuList.from(buffer)
const cpus = info().possibleCpus
let overwritten = 0

function use(node) {
  hold(tokens, node + 1, who)
  const payload = list.payload(node).fill(who & 0xff)
  if (!payload.every((byte) => byte === (who & 0xff))) overwritten++
  release(tokens, node + 1, who)
}

function step(number) {
  const isRemote = number % remoteEvery === 0
  const turn = number / remoteEvery
  const { take, put } = isRemote
    ? ways[turn % ways.length]
    : { take: () => list.pop(), put: (_, to, node) => list.push(node) }
  const node = take(list, turn % cpus)
  if (node === -1) return
  use(node)
  put(list, (turn + 1) % cpus, node)
}

lineUp()
let number = 0
while (number < steps && !isStopped()) {
  step(++number)
  if (progress !== undefined) Atomics.store(progress, who, number)
}
report({ steps: number, overwritten })
