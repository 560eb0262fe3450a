/**
 * A Worker that records what it does in a trace, until it is terminated: where processes cannot share memory.
 *
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads'
import { PerCpuCounter } from '../../index.js'
import type { TraceMemory } from '../../trace/index.js'
import { FLIGHT, fly } from './flight.js'

/** What the thread is given. */
export interface FlightData {
  readonly memory: TraceMemory
  readonly confirmed: SharedArrayBuffer
}

const { memory, confirmed } = workerData as FlightData
parentPort?.postMessage('ready')
await fly(FLIGHT.from(memory), PerCpuCounter.from(confirmed))
