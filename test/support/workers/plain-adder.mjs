/**
 * The control: adds like the backends do, but for what makes them exact.
 *
 *  - `native`: to the word of this thread's CPU, by a load, some spins and a store: no section.
 *  - `javascript`: to one word, by a load and a store: no Atomics.
 *
 * `cpu` pins it first.
 */
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'
import { cpuId } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { how, words, adds, spins, cpu, supportFile } = workerData
const WORDS_PER_LINE = 16

function addNatively() {
  const { plainAdd, setAffinity } = createRequire(import.meta.url)(supportFile)
  if (cpu !== undefined) setAffinity(0, [cpu])
  lineUp()
  for (let i = 0; i < adds; i++) plainAdd(words, cpuId() * WORDS_PER_LINE, 1, spins)
}

function addInJavaScript() {
  lineUp()
  for (let i = 0; i < adds; i++) words[0] = words[0] + 1n
}

if (how === 'native') addNatively()
else addInJavaScript()
report()
