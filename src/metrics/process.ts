/**
 * What a process and each of its threads do: metrics to put into a schema, and what keeps them up to date.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { PerformanceObserver, constants, monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { isMainThread, threadId } from 'node:worker_threads'
import { interruptedAdditions } from '../counters.js'
import { cpuId, numaNode } from '../cpu.js'
import { checkInteger } from '../errors.js'
import type { Metrics } from './metrics.js'

const THREADS = { labels: ['thread'], series: 64 } as const
/** Labels of the event loop's delays, and the percentiles that they are. */
const PERCENTILES = [
  ['p50', 50],
  ['p90', 90],
  ['p99', 99],
  ['max', 100],
] as const
const CPU_MODES = ['user', 'nice', 'sys', 'idle', 'irq'] as const

/** To be spread into the groups of a schema. Names and units are those of Prometheus's clients where they have them. */
export const processMetrics = {
  counters: {
    processCpuSeconds: {
      name: 'process_cpu_seconds_total',
      help: 'CPU time of the process, in its own code and in the kernel.',
      labels: { mode: ['user', 'system'] },
      type: 'f64',
    },
    hostCpuSeconds: {
      name: 'host_cpu_seconds_total',
      help: 'Time of each CPU of the machine, by what it was spent on.',
      labels: { cpu: 'any', mode: CPU_MODES },
      series: 2048,
      type: 'f64',
    },
    threadMigrations: {
      name: 'nodejs_thread_migrations_total',
      help: 'How often the kernel moved the thread to another CPU.',
      ...THREADS,
    },
    threadInterruptions: {
      name: 'rseq_interrupted_additions_total',
      help: 'Additions to counters by CPU whose restartable sequence was aborted, and tried again.',
      ...THREADS,
    },
  },
  gauges: {
    processMemory: { name: 'process_resident_memory_bytes', help: 'Memory of the process.' },
    processStart: { name: 'process_start_time_seconds', help: 'When the process started, since 1970.' },
    threadHeap: { name: 'nodejs_thread_heap_used_bytes', help: 'JavaScript heap of the thread.', ...THREADS },
    threadCpu: {
      name: 'nodejs_thread_cpu',
      help: 'CPU that the thread was on when it was asked.',
      ...THREADS,
    },
    threadNode: { name: 'nodejs_thread_numa_node', help: 'NUMA node of that CPU.', ...THREADS },
    threadUtilization: {
      name: 'nodejs_thread_eventloop_utilization',
      help: 'Share of the last interval in which the event loop was busy.',
      ...THREADS,
    },
    eventLoopDelay: {
      name: 'nodejs_thread_eventloop_delay_seconds',
      help: 'Delay of the event loop in the last interval: percentiles, and the longest.',
      labels: { thread: 'any', at: ['p50', 'p90', 'p99', 'max'] },
      series: 256,
    },
  },
  histograms: {
    gcDuration: {
      name: 'nodejs_gc_duration_seconds',
      help: 'Garbage collections of all threads.',
      labels: { kind: ['minor', 'major', 'incremental', 'weakcb', 'other'] },
      buckets: [0.0001, 0.001, 0.01, 0.1, 1],
    },
  },
} as const

type Keys =
  | keyof typeof processMetrics.counters
  | keyof typeof processMetrics.gauges
  | keyof typeof processMetrics.histograms

/** Metrics whose schema has {@link processMetrics} in it. */
export type ProcessMetrics = Pick<Metrics<typeof processMetrics>, Keys>

export interface ObserveOptions {
  /**
   * Label of this thread. A worker that takes another's place should take its name: each name is a series for
   * ever. By default the thread's id.
   */
  thread?: string
  /** Milliseconds from one look to the next: 1000. */
  interval?: number
}

/** Turns a total that a source reports into additions. */
class Growth {
  readonly #last = new Map<string, number>()

  /** How much more it is than the last time, or than nothing. */
  of(key: string, total: number): number {
    const more = Math.max(0, total - (this.#last.get(key) ?? 0))
    this.#last.set(key, total)
    return more
  }
}

/** How often the calling thread was moved; null where the kernel does not say. */
function migrations(): number | null {
  try {
    const found = /nr_migrations\s*:\s*(\d+)/.exec(readFileSync('/proc/thread-self/sched', 'latin1'))
    return found === null ? null : Number(found[1])
  } catch {
    return null
  }
}

/** What there is once in a process: looked at by the main thread. */
function lookAtProcess(metrics: ProcessMetrics, growth: Growth): void {
  const { user, system } = process.cpuUsage()
  metrics.processCpuSeconds.labels({ mode: 'user' }).inc(growth.of('user', user) / 1e6)
  metrics.processCpuSeconds.labels({ mode: 'system' }).inc(growth.of('system', system) / 1e6)
  for (const [cpu, { times }] of cpus().entries()) {
    for (const mode of CPU_MODES) {
      const milliseconds = growth.of(`${cpu} ${mode}`, times[mode])
      metrics.hostCpuSeconds.labels({ cpu, mode }).inc(milliseconds / 1000)
    }
  }
  metrics.processMemory.set(process.memoryUsage.rss())
}

const GC_KINDS = new Map<unknown, 'minor' | 'major' | 'incremental' | 'weakcb'>([
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
])

function observeCollections(metrics: ProcessMetrics): PerformanceObserver {
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { detail } = entry as { detail?: { kind?: unknown } }
      const kind = GC_KINDS.get(detail?.kind) ?? 'other'
      metrics.gcDuration.labels({ kind }).observe(entry.duration / 1000)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  return observer
}

/**
 * Keeps the {@link processMetrics} of this thread up to date, and in the main thread those of the process. Looks
 * once now, and then at every interval; it does not keep the thread alive. To be called in each thread.
 *
 * @returns what ends it.
 * @throws TypeError, RangeError if the interval is no integer from 10 to 2**31 - 1.
 */
export function observeProcess(metrics: ProcessMetrics, options: ObserveOptions = {}): () => void {
  const { thread = String(threadId), interval = 1000 } = options
  checkInteger('interval', interval, 10, 2 ** 31 - 1)
  const growth = new Growth()
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  let utilization = performance.eventLoopUtilization()
  const look = (): void => {
    if (isMainThread) lookAtProcess(metrics, growth)
    const moved = migrations()
    if (moved !== null) metrics.threadMigrations.labels({ thread }).inc(growth.of('migrations', moved))
    metrics.threadInterruptions.labels({ thread }).inc(growth.of('interruptions', interruptedAdditions()))
    metrics.threadHeap.labels({ thread }).set(process.memoryUsage().heapUsed)
    metrics.threadCpu.labels({ thread }).set(cpuId())
    metrics.threadNode.labels({ thread }).set(numaNode())
    const now = performance.eventLoopUtilization()
    metrics.threadUtilization
      .labels({ thread })
      .set(performance.eventLoopUtilization(now, utilization).utilization)
    utilization = now
    for (const [at, percentile] of PERCENTILES) {
      const nanoseconds = delay.count === 0 ? 0 : delay.percentile(percentile)
      metrics.eventLoopDelay.labels({ thread, at }).set(nanoseconds / 1e9)
    }
    delay.reset()
  }
  if (isMainThread) metrics.processStart.set(performance.timeOrigin / 1000)
  const collections = observeCollections(metrics)
  const timer = setInterval(look, interval).unref()
  look()
  return () => {
    clearInterval(timer)
    collections.disconnect()
    delay.disable()
  }
}
