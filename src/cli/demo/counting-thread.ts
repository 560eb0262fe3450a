/**
 * A Worker that counts until it is terminated.
 *
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads'
import { PerCpuCounter } from '../../index.js'
import { Ledger } from './ledger.js'
import { countUntilReport } from './reports.js'

/** What the thread is given. */
export interface CountingData {
  readonly counter: SharedArrayBuffer
  readonly notes: SharedArrayBuffer
  readonly seats: number
  readonly seat: number
}

const { counter: buffer, notes, seats, seat } = workerData as CountingData
const counter = PerCpuCounter.from(buffer)
const ledger = new Ledger(notes, seats)
const add = (): void => {
  counter.add(1)
}

parentPort?.postMessage('ready')
for (let own = 0; ;) {
  own += countUntilReport(ledger, add, seat)
  parentPort?.postMessage(own)
}
