// Fills the ring of one CPU, on which `taskset` keeps it, with events of a trace. Prints how many events there are, and how many were dropped.
import { openShared } from '../../lib/shared/index.js'
import { defineEvents } from '../../lib/trace/index.js'

const { directory, name, bytesPerCpu } = JSON.parse(process.argv[2])
const trace = defineEvents(name, {
  request: { fields: { k: 'u32', ms: 'f64', url: 'string' } },
}).open(openShared('large', { directory }), { bytesPerCpu, policy: 'discard' })
const urls = Array.from({ length: 64 }, (_, k) => `/product/${k}/reviews?page=${k % 7}`)

let k = 0
while (trace.request(k, k / 1000, urls[k % urls.length])) k++
process.stdout.write(JSON.stringify({ events: k, dropped: trace.dropped }))
