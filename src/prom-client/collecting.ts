/**
 * Calls the `collect()` functions of metrics now and then, where other processes read the metrics without asking this one.
 *
 * @module
 */

/** The time between two rounds, in milliseconds. */
const INTERVAL_MS = 1000

/** A metric with a `collect()` function, which may be set later. */
interface Collected {
  collect?: () => void | Promise<void>
}

const metrics = new Set<Collected>()
let timer: NodeJS.Timeout | undefined

async function collect(metric: Collected): Promise<void> {
  try {
    await metric.collect?.()
  } catch {
    // An exposition in this process gets the error.
  }
}

/** Calls `collect()` of a metric every second from now on. The timer does not keep the thread alive. */
export function collectNowAndThen(metric: Collected): void {
  metrics.add(metric)
  timer ??= setInterval(() => {
    for (const one of metrics) void collect(one)
  }, INTERVAL_MS).unref()
}

export function stopCollecting(metric: Collected): void {
  metrics.delete(metric)
  if (metrics.size > 0) return
  clearInterval(timer)
  timer = undefined
}
