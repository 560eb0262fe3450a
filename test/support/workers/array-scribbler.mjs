/**
 * Overwrites both arrays, in a loop, until `control[0]` says stop: mostly by what addMany accepts, and
 * now and then by what it does not. Counts in `control[1]`.
 */
import { parentPort, workerData } from 'node:worker_threads'

const { indices, deltas, length, control } = workerData
const MOST = 1e9
const BAD_INDICES = [length, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]
const BAD_DELTAS = [NaN, Infinity, -Infinity]

/** How long a bad value stays, and how often there is one: in rounds. */
const BAD_FOR = 300
const BAD_EVERY = 1000

parentPort.postMessage('ready')
let badAt = 0
let count = 0
for (; Atomics.load(control, 0) === 0 && count < MOST; count++) {
  const at = (Math.imul(count, 2654435761) >>> 0) % indices.length
  if (count % BAD_EVERY === 0) {
    badAt = at
    const way = count / BAD_EVERY
    if (way % 2 === 0) indices[at] = BAD_INDICES[way % BAD_INDICES.length]
    else deltas[at] = BAD_DELTAS[way % BAD_DELTAS.length]
  } else if (count % BAD_EVERY === BAD_FOR) {
    indices[badAt] = 0
    deltas[badAt] = 1
  } else if (at !== badAt) {
    indices[at] = at % length
    deltas[at] = count % 2 === 0 ? count : 2 ** 40
  }
}
Atomics.store(control, 1, count)
