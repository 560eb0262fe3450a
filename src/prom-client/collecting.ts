/**
 * Calls the `collect()` functions of metrics now and then, where other processes read the metrics without asking this one.
 *
 * @module
 */
import { clearInterval, setInterval } from 'node:timers'

import { memory } from './memory.js'

/** The time between two rounds, in milliseconds. */
const INTERVAL_MS = 1000

/** A metric with a `collect()` function, which may be set later. */
interface Collected {
  collect?: () => void | Promise<void>
}

const metrics = new Set<Collected>()
let timer: NodeJS.Timeout | undefined

/** The metrics whose `collect()` has not come back. */
const pending = new Set<Collected>()

/** Calls `collect()` of a metric, unless it is running. Resolves when it has come back. */
async function collect(metric: Collected): Promise<void> {
  if (pending.has(metric)) return
  pending.add(metric)
  try {
    await metric.collect?.()
  } catch {
    // An exposition in this process gets the error.
  } finally {
    pending.delete(metric)
  }
}

/** Runs all `collect()` functions; when they have come back, notes that this process goes on, which readers look at. */
async function round(): Promise<void> {
  const isWhole = pending.size === 0
  await Promise.all([...metrics].map(collect))
  if (isWhole && metrics.size > 0) memory.service?.noteRound()
}

/** Calls `collect()` of a metric every second from now on. The timer does not keep the thread alive. */
export function collectNowAndThen(metric: Collected): void {
  if (metrics.size === 0) memory.service?.noteRound()
  metrics.add(metric)
  timer ??= setInterval(() => {
    void round()
  }, INTERVAL_MS).unref()
}

export function stopCollecting(metric: Collected): void {
  metrics.delete(metric)
  if (metrics.size > 0) return
  clearInterval(timer)
  timer = undefined
  memory.service?.noteRound(true)
}
