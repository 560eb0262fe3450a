// Writes records, and prints how many fit, and whether they come back in order and with the time at
// which they were written. To be run on one CPU.
import { readFileSync } from 'node:fs'
import { PerCpuRing, info, now } from '../../../lib/index.js'

const source = readFileSync('/sys/devices/system/clocksource/clocksource0/current_clocksource', 'utf8').trim()
const SLACK = 1_000_000n

/** How many records of a length fit into a ring. */
function fitting(length) {
  const full = new PerCpuRing(1 << 12)
  let count = 0
  while (full.write(new Uint8Array(length))) count++
  return count
}

const ring = new PerCpuRing(1 << 16)
let order = true
let inTime = true
for (let round = 0; round < 50; round++) {
  const before = now()
  for (let i = 0; i < 20; i++) ring.write(Uint8Array.of(i))
  const after = now()
  const last = new Map()
  ring.drain(({ cpu, time }) => {
    if (time < before - SLACK || time > after + SLACK) inTime = false
    if (time < (last.get(cpu) ?? 0n)) order = false
    last.set(cpu, time)
  })
}
const again = ring.drain(() => 0)
console.log(
  JSON.stringify({
    backend: info().backend,
    source,
    fitting: [0, 1, 8, 64].map(fitting),
    order,
    inTime,
    again,
  }),
)
