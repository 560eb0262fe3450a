// Makes, changes and reads counters for 512 CPUs in memory of this process, and says by how much its memory grew.
import { PerCpuCounterArray } from '../../../lib/index.js'
import { createRegion } from '../../../lib/runtime/region.js'
import { Kind } from '../../../lib/core/layout.js'

const LENGTH = 16384
new PerCpuCounterArray(1).snapshot()
const before = process.memoryUsage().rss
const buffer = createRegion(Kind.counters, LENGTH, 'i64', 'cpu', 512)
const made = process.memoryUsage().rss
const counters = PerCpuCounterArray.from(buffer)
for (let i = 0; i < LENGTH; i++) counters.add(i, 1)
const written = process.memoryUsage().rss
const total = counters.snapshot().reduce((sum, value) => sum + value, 0)
counters.reset(0)
const used = process.memoryUsage().rss
// Some kernels give memory to what is only read, too.
const plain = new Uint8Array(new SharedArrayBuffer(16 << 20))
let sum = 0
for (let at = 0; at < plain.length; at += 4096) sum += plain[at]
const readAlone = process.memoryUsage().rss - used
console.log(
  JSON.stringify({
    size: buffer.byteLength,
    made: made - before,
    written: written - before,
    used: used - before,
    total: total + sum,
    isReadingFree: readAlone < plain.length / 2,
  }),
)
