// A process of the chaos: opens the objects of a service and works on them in threads, until it is killed.
import { openSync } from 'node:fs'
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'
import { mapFile } from '../../lib/runtime/mapping.js'
import { openShared } from '../../lib/shared/index.js'
import { operatorOf } from './operate.mjs'
import { makeRandom } from './random.mjs'
import { plainWord, sharedStructures } from './shared-structures.mjs'

const structuresOf = ({ plain }) => (plain ? [...sharedStructures, plainWord] : sharedStructures)

if (isMainThread) {
  const input = JSON.parse(process.argv[2])
  const shop = openShared('chaos', { directory: input.directory })
  const buffers = structuresOf(input).map((structure) => structure.make(shop).buffer)
  const { path, bytes } = input.ledger
  const ledger = mapFile(openSync(path, 'r+'), path, bytes, 1)
  const threads = input.slots.map((slot, i) => {
    const data = { ...input, buffers, ledger, slot, seed: input.seed + i }
    return new Worker(fileURLToPath(import.meta.url), { workerData: data })
  })
  await Promise.all(threads.map((thread) => once(thread, 'message')))
  console.log('all threads work')
} else {
  const { buffers, ledger, slot, seed } = workerData
  const operate = operatorOf(structuresOf(workerData), { buffers, ledger, slot, random: makeRandom(seed) })
  parentPort.postMessage('begun')
  for (;;) operate()
}
