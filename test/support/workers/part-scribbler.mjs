/**
 * Overwrites random parts of the buffers, in a loop, until `control[0]` says stop: by random bytes, by small numbers, or by
 * zeroes, of which a structure is empty again. Counts in `control[1]`.
 */
import { parentPort, workerData } from 'node:worker_threads'

const { buffers, control, seed } = workerData
const MOST = 1e8
const MOST_BYTES = 64
const SMALL = 32

let state = seed
const random = (below) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}

const regions = buffers.map((buffer) => ({ bytes: new Uint8Array(buffer), words: new BigInt64Array(buffer) }))
const ways = [
  ({ bytes }) => {
    const at = random(bytes.length)
    for (let i = at; i < Math.min(bytes.length, at + random(MOST_BYTES)); i++) bytes[i] = random(256)
  },
  ({ words }) => (words[random(words.length)] = BigInt(random(SMALL))),
  ({ words }) => words.fill(0n, random(words.length)),
]

parentPort.postMessage('ready')
let count = 0
while (Atomics.load(control, 0) === 0 && count < MOST) {
  ways[random(ways.length)](regions[random(regions.length)])
  count++
  Atomics.store(control, 1, count)
}
