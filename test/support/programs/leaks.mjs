// Run with --expose-gc. Makes and drops counters in rounds, and prints after each how many handles are
// open and how much memory the process has; then fills the table of handles, and drops that.
import { PerCpuArray, PerCpuCounter, PerCpuCounterArray, info } from '../../../lib/index.js'
import { loadNative } from '../../../lib/native/binding.js'
import { turn } from '../team.mjs'

const ROUNDS = 5
const REGIONS = 4000
const LENGTH = 200
const MOST_TURNS = 1000
const MOST_HANDLES = 1 << 16

const openHandles = () => (info().backend === 'native' ? loadNative().openHandles() : 0)
const kept = new PerCpuCounter()
const baseline = openHandles()

/** Collects until all dropped handles are given back, in a bounded number of turns. */
async function settle() {
  for (let turns = 0; turns < MOST_TURNS; turns++) {
    globalThis.gc()
    await turn()
    if (openHandles() === baseline) return
  }
}

function makeAndDrop() {
  for (let i = 0; i < REGIONS; i++) {
    const counters = new PerCpuCounterArray(LENGTH)
    counters.increment(i % LENGTH)
    PerCpuCounterArray.from(counters.buffer).reset(0)
    if (i % 4 === 0) PerCpuArray.from(new PerCpuArray(1).buffer).add(0, 1)
  }
}

const rounds = []
for (let round = 0; round < ROUNDS; round++) {
  makeAndDrop()
  await settle()
  rounds.push({ handles: openHandles(), rss: process.memoryUsage().rss })
}

/** As many regions as there can be, and one more. */
function fill() {
  const all = []
  try {
    for (let i = 0; i <= MOST_HANDLES; i++) all.push(PerCpuCounter.from(kept.buffer))
  } catch (error) {
    return { opened: all.length, refusal: error.message }
  }
  return { opened: all.length, refusal: null }
}

const { opened, refusal } = fill()
await settle()
kept.increment()
console.log(
  JSON.stringify({ baseline, rounds, opened, refusal, finally: openHandles(), counted: kept.value }),
)
