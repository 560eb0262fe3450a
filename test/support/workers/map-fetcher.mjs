/** Fetches keys that the other workers of the team fetch at the same time, and counts what it has computed. */
import { setImmediate as turn } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'
import { SharedMap } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { buffer, keys, computations, hangs = false, progress, slot } = workerData
const map = SharedMap.from(buffer)

lineUp()
let wrong = 0
await Promise.all(
  Array.from({ length: keys }, async (_, k) => {
    const value = await map.fetch(`key${k}`, async () => {
      Atomics.add(computations, k, 1)
      if (progress !== undefined) Atomics.add(progress, slot, 1)
      // Until somebody ends the thread.
      while (hangs) await turn()
      await turn()
      return `value${k}`
    })
    if (value !== `value${k}`) wrong++
  }),
)
map[Symbol.dispose]()
report({ wrong })
