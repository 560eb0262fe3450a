/**
 * Takes tokens out of stacks and puts them back, `steps` times or until it is told to stop; every few steps on another
 * CPU's stack. `cpu` pins it first. Has one token at most at any time. Reports its steps and what was refused.
 */
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'
import { PerCpuStack, info } from '../../../lib/index.js'
import { hold, release } from '../tokens.mjs'
import { isStopped, lineUp, report } from './team.mjs'

const { buffer, tokens, who, steps = Infinity, remoteEvery = 16, cpu, supportFile, progress } = workerData
const USE_SPINS = 10
const ways = [
  { take: (stack, from) => stack.popFrom(from), put: (stack, to, token) => stack.pushTo(to, token) },
  {
    take: (stack, from) => stack.onCpu(from, (owned) => owned.pop()),
    put: (stack, to, token) => stack.onCpu(to, (owned) => owned.push(token)),
  },
]

if (cpu !== undefined) createRequire(import.meta.url)(supportFile).setAffinity(0, [cpu])
const stack = PerCpuStack.from(buffer)
const cpus = info().possibleCpus
const one = new Float64Array(1)

function use(token) {
  hold(tokens, token, who)
  for (let spin = 0; spin < USE_SPINS; spin++) Atomics.load(tokens.holders, token)
  release(tokens, token, who)
}

/** Whether there was room: there always is. */
function step(number) {
  if (number % remoteEvery === 0) {
    const turn = number / remoteEvery
    const { take, put } = ways[turn % ways.length]
    const token = take(stack, turn % cpus)
    if (token === undefined) return true
    use(token)
    return put(stack, (turn + 1) % cpus, token)
  }
  if (number % 2 === 0) {
    if (stack.popMany(one) === 0) return true
    use(one[0])
    return stack.pushMany(one) === 1
  }
  const token = stack.pop()
  if (token === undefined) return true
  use(token)
  return stack.push(token)
}

lineUp()
let refused = 0
let number = 1
while (number <= steps && !isStopped()) {
  if (!step(number)) refused++
  number++
  if (progress !== undefined) Atomics.store(progress, who, number)
}
report({ steps: number - 1, refused })
