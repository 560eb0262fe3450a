/**
 * Overwrites the buffers' bytes by others, in a loop, until `control[0]` says stop. Now and then the
 * good header comes back, so that regions can be opened in the middle of it. Counts in `control[1]`.
 */
import { parentPort, workerData } from 'node:worker_threads'

const { buffers, control } = workerData
const HEADER_WORDS = 16
const MOST = 1e8

const regions = buffers.map((buffer) => ({
  words: new Uint32Array(buffer),
  header: new Uint32Array(buffer.slice(0, HEADER_WORDS * 4)),
}))
let state = 1
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0)

parentPort.postMessage('ready')
let count = 0
while (Atomics.load(control, 0) === 0 && count < MOST) {
  for (const { words, header } of regions) {
    if (count % 2 === 0) words.set(header)
    else for (let i = 0; i < HEADER_WORDS; i++) if (random() >>> 31) words[i] = random()
    for (let i = HEADER_WORDS; i < words.length; i++) words[i] = random()
  }
  count++
  Atomics.store(control, 1, count)
}
