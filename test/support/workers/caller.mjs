// Makes one public call again and again, until it is terminated in the middle of one. terminations.mjs makes one script
// of this file and of all that it imports; such a script has no await outside of functions.
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'

const { name, signal, supportFile } = workerData

/** A call that uses what Node-API answers without a look at its status: terminated in it, the process aborts. */
function careless() {
  const { plainAdd } = createRequire(import.meta.url)(supportFile)
  const words = new BigInt64Array(new SharedArrayBuffer(8))
  return () => plainAdd(words, 0, 1, 0)
}

async function main() {
  const prepare =
    supportFile === undefined ? (await import('../public-calls.mjs')).publicCalls().get(name) : careless
  const call = prepare()
  await call()
  Atomics.store(signal, 0, 1)
  Atomics.notify(signal, 0)
  for (;;) {
    const answer = call()
    if (answer instanceof Promise) await answer
  }
}

void main()
