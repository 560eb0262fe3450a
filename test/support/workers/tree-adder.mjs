/**
 * Adds the deltas of `tree-deltas.mjs` to a counter with a tree, and says after each how many it has made: `made[slot]`.
 *
 * The control is `plain`: it adds to a word of its own, and carries each step by a load and a store to the first word.
 */
import { workerData } from 'node:worker_threads'
import { PerCpuCounterTree } from '../../../lib/index.js'
import { deltaOf } from '../tree-deltas.mjs'
import { lineUp, report } from './team.mjs'

const { buffer, made, slot, adds, plain, step } = workerData

function adderOfTree() {
  const tree = PerCpuCounterTree.from(buffer)
  return (delta) => {
    tree.add(delta)
  }
}

function plainAdder() {
  const words = new BigInt64Array(buffer)
  let carried = 0
  let total = 0
  return (delta) => {
    total += delta
    while (Math.abs(total - carried) >= step) {
      const carry = total > carried ? step : -step
      carried += carry
      words[0] = words[0] + BigInt(carry)
    }
  }
}

const add = plain ? plainAdder() : adderOfTree()
lineUp()
for (let i = 0; i < adds; i++) {
  add(deltaOf(slot, i))
  Atomics.store(made, slot, i + 1)
}
report()
