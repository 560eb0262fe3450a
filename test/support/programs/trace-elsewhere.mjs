// Records two events, numbered from the second argument on, and prints CLOCK_MONOTONIC of its time namespace, in nanoseconds.
import { openShared } from '../../../lib/shared/index.js'
import { defineEvents } from '../../../lib/trace/index.js'

const [, , directory, from] = process.argv
const trace = defineEvents('shop', { numbered: { fields: { k: 'u32' } } }).open(
  openShared('shop', { directory }),
)
trace.numbered(Number(from))
// What is wrong in the rate of a clock shows with the distance from its samples.
const end = process.hrtime.bigint() + 50_000_000n
while (process.hrtime.bigint() < end);
trace.numbered(Number(from) + 1)
process.stdout.write(String(process.hrtime.bigint()))
