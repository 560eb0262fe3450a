// Makes objects in a loop without a turn of the event loop, and drops them: no finalizer runs meanwhile. Prints how many handles
// were open at the most, and the most memory; and how many handles of one kind can be open when none is dropped.
import {
  CounterBatch,
  Mutex,
  PerCpuArray,
  PerCpuCounter,
  PerCpuCounterArray,
  PerCpuLock,
  PerCpuPool,
  PerCpuRing,
} from '../../../lib/index.js'
import { loadNative } from '../../../lib/native/binding.js'

const { openHandles } = loadNative()
const { objects, pools } = JSON.parse(process.argv[2])
const counters = new PerCpuCounterArray(4)

const MAKERS = {
  PerCpuCounter: () => new PerCpuCounter(),
  CounterBatch: () => new CounterBatch(counters),
  PerCpuArray: () => new PerCpuArray(4),
  PerCpuRing: () => new PerCpuRing(256),
  Mutex: () => new Mutex(),
  PerCpuLock: () => new PerCpuLock(),
}

const most = {}
for (const [name, make] of Object.entries(MAKERS)) {
  const before = openHandles()
  most[name] = 0
  for (let k = 0; k < objects; k++) {
    make()
    most[name] = Math.max(most[name], openHandles() - before)
  }
}

// 1 MiB each, all of it written: kept, they would be `pools` MiB.
const rss = process.memoryUsage().rss
let mostMemory = 0
for (let k = 0; k < pools; k++) {
  new Uint8Array(new PerCpuPool({ blocks: 1024, blockSize: 1024 }).buffer).fill(1, 1 << 16)
  if (k % 64 === 0) mostMemory = Math.max(mostMemory, process.memoryUsage().rss - rss)
}

const kept = []
let refusal = null
try {
  for (;;) kept.push(new PerCpuLock())
} catch (error) {
  refusal = error.message
}
console.log(JSON.stringify({ most, mostMemory, kept: kept.length, refusal }))
