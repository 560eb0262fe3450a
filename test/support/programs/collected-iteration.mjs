// Run with --expose-gc. Drops an iteration that has a record, with its ring; prints how many records another object of this
// thread can read when both are collected.
import { PerCpuRing } from '../../../lib/index.js'

const MOST_TURNS = 10_000
const turn = () => new Promise((resolve) => setImmediate(resolve))

const ring = new PerCpuRing(1 << 12)
for (let k = 0; k < 3; k++) ring.write(Uint8Array.of(k))

async function dropIteration() {
  const records = PerCpuRing.from(ring.buffer).records()
  await records.next()
}

function drained() {
  try {
    return ring.drain(() => {})
  } catch (error) {
    return error.message
  }
}

await dropIteration()
const before = drained()
let after = before
for (let turns = 0; turns < MOST_TURNS && after === before; turns++) {
  globalThis.gc()
  await turn()
  after = drained()
}
console.log(JSON.stringify({ before, after }))
