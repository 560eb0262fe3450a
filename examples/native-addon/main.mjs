// JavaScript and an addon's C++ threads count on the same counters, at the same time.
import { createRequire } from 'node:module'
import { PerCpuCounterArray, info } from 'rseq'

const { tick } = createRequire(import.meta.url)('./build/Release/ticker.node')

const THREADS = 4
const TICKS = 1_000_000

const counters = new PerCpuCounterArray(10)
const done = tick(new Uint8Array(counters.buffer), THREADS, TICKS)
for (let i = 0; i < TICKS; i++) counters.increment(i % counters.length)
await done

const total = counters.snapshot().reduce((sum, count) => sum + count, 0)
console.log(
  `${total} ticks by ${THREADS} C++ threads and one of JavaScript (${info().backend}): ${counters.snapshot()}`,
)
if (total !== (THREADS + 1) * TICKS) process.exitCode = 1
