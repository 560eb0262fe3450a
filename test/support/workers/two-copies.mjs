/**
 * Loads the copies of the package that `urls` names, in that order, and counts with each of them in turn.
 * Reports what each ran on.
 */
import { workerData } from 'node:worker_threads'
import { lineUp, report } from './team.mjs'

const { urls, counter, doubles, adds } = workerData
const copies = []
for (const url of urls) copies.push(await import(url))

const counters = copies.map(({ PerCpuCounter }) => PerCpuCounter.from(counter))
const arrays = copies.map(({ PerCpuCounterArray }) => PerCpuCounterArray.from(doubles))
lineUp()
for (let i = 0; i < adds; i++) {
  counters[i % copies.length].increment()
  arrays[i % copies.length].add(i % 3, 0.5)
}
report(copies.map(({ info }) => info()))
