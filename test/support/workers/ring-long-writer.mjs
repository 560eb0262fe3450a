/** Writes records of 4 KiB to 64 KiB: each has the writer and its number, and then words of both. */
import { workerData } from 'node:worker_threads'
import { PerCpuRing } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { buffer, who, count } = workerData
const ring = PerCpuRing.from(buffer)
const words = new Uint32Array(ring.longest >> 2)

lineUp()
let written = 0
for (let number = 1; number <= count; number++) {
  words.fill((who << 16) + number)
  words[0] = who
  words[1] = number
  const length = 4096 + ((number * 7919) % (ring.longest - 4096))
  if (ring.write(new Uint8Array(words.buffer, 0, length & ~3))) written++
}
report({ written, refused: count - written })
