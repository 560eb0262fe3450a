/**
 * Metrics of a process and of each of its threads: declarations to spread into a schema, and the function that updates them.
 *
 * @module
 */
import { clearInterval, setInterval } from 'node:timers'
import { readFileSync } from 'node:fs'
import { type CpuInfo, cpus } from 'node:os'
import { PerformanceObserver, constants, monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { isMainThread, threadId } from 'node:worker_threads'
import { interruptedAdditions } from '../counter/counters.js'
import { BACKEND_INFO, backendLabels } from '../thread/backend-labels.js'
import { cpuId, numaNode } from '../thread/cpu.js'
import { checkInteger, typeError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { unlessForbidden } from '../core/runtime.js'
import type { Metrics } from './metrics.js'
import { checkHasGroups, growTo } from './observing.js'

const THREADS = { labels: ['thread'], series: 64 } as const
/** The values of the label `at` of the event loop's delay, and the percentile that each stands for. */
const PERCENTILES = [
  ['p50', 50],
  ['p90', 90],
  ['p99', 99],
  ['max', 100],
] as const

/** The CPUs of the machine; none if the runtime forbids reading them, as Deno does without `--allow-sys`. */
const cpusOfMachine = (): CpuInfo[] => unlessForbidden(cpus, [])

/**
 * The number of CPUs for which the metrics have room: 512, or on larger machines their number rounded up to a power of two.
 * It is rounded so that all threads and processes of a machine have equal schemas even if CPUs go online or offline.
 */
const CPUS = Math.max(512, 2 ** Math.ceil(Math.log2(cpusOfMachine().length)))

const CPU_MODES = ['user', 'nice', 'sys', 'idle', 'irq'] as const

const PROCESS_METRICS = {
  counters: {
    processCpuSeconds: {
      name: 'process_cpu_seconds_total',
      help: 'CPU time of the process, in its own code and in the kernel.',
      labels: { mode: ['user', 'system'] },
      type: 'f64',
      absentAtZero: true,
    },
    hostCpuSeconds: {
      name: 'host_cpu_seconds_total',
      help: 'Time of each CPU of the machine, by what it was spent on.',
      labels: { cpu: 'any', mode: CPU_MODES },
      series: CPUS * CPU_MODES.length,
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
    processMemory: {
      name: 'process_resident_memory_bytes',
      help: 'Memory of the process.',
      absentAtZero: true,
    },
    processStart: {
      name: 'process_start_time_seconds',
      help: 'When the process started, since 1970.',
      absentAtZero: true,
      aggregator: 'omit',
    },
    backendInfo: {
      ...BACKEND_INFO,
      labels: ['backend', 'tier', 'reason'],
      series: 8,
      aggregator: 'process',
    },
    threadHeap: { name: 'nodejs_thread_heap_used_bytes', help: 'JavaScript heap of the thread.', ...THREADS },
    threadCpu: {
      name: 'nodejs_thread_cpu',
      help: 'CPU that the thread was on when it was asked.',
      aggregator: 'process',
      ...THREADS,
    },
    threadNode: {
      name: 'nodejs_thread_numa_node',
      help: 'NUMA node of that CPU.',
      aggregator: 'process',
      ...THREADS,
    },
    threadUtilization: {
      name: 'nodejs_thread_eventloop_utilization',
      help: 'Share of the last interval in which the event loop was busy.',
      aggregator: 'average',
      ...THREADS,
    },
    eventLoopDelay: {
      name: 'nodejs_thread_eventloop_delay_seconds',
      help: 'Delay of the event loop in the last interval: percentiles, and the longest.',
      aggregator: 'max',
      labels: { thread: 'any', at: ['p50', 'p90', 'p99', 'max'] },
      series: 256,
    },
  },
  histograms: {
    gcDuration: {
      name: 'nodejs_gc_duration_seconds',
      help: 'Garbage collections of all threads.',
      labels: { kind: ['minor', 'major', 'incremental', 'weakcb', 'other'] },
      absentAtZero: true,
      buckets: [0.0001, 0.001, 0.01, 0.1, 1],
    },
  },
} as const

/**
 * The schema of {@link processMetrics}. The exposed names end in the unit, and the help texts say what each metric measures.
 *
 * Counters: `processCpuSeconds`, `hostCpuSeconds`, `threadMigrations`, `threadInterruptions`. Gauges: `processMemory`,
 * `processStart`, `backendInfo`, `threadHeap`, `threadCpu`, `threadNode`, `threadUtilization`, `eventLoopDelay`. Histograms: `gcDuration`.
 */
export type ProcessMetricsSchema = typeof PROCESS_METRICS

/**
 * The metrics that {@link observeProcess} keeps up to date. Spread its groups into the groups of a schema. Names and units are
 * those of Prometheus's client libraries, if these have such a metric.
 *
 * @example
 * ```ts
 * const service = defineMetrics({
 *   counters: { ...processMetrics.counters, requests: { help: 'Requests.' } },
 *   gauges: processMetrics.gauges,
 *   histograms: processMetrics.histograms,
 * })
 * ```
 */
export const processMetrics: ProcessMetricsSchema = PROCESS_METRICS

/** Metrics whose schema contains {@link processMetrics}. */
export type ProcessMetrics = Pick<
  Metrics<ProcessMetricsSchema>,
  | keyof ProcessMetricsSchema['counters']
  | keyof ProcessMetricsSchema['gauges']
  | keyof ProcessMetricsSchema['histograms']
>

/** Options of {@link observeProcess}. */
export interface ObserveOptions {
  /**
   * The label of this thread; by default the id of the thread. A worker that replaces an ended worker should use the label
   * of that worker, because each label makes series that are never removed.
   */
  thread?: string
  /** The milliseconds from one update to the next: 10 to 2**31 - 1, by default 1000. */
  interval?: number
  /**
   * Whether this thread also updates the metrics of the process. By default only the main thread does. If the main thread does
   * not call {@link observeProcess}, set it in exactly one worker; otherwise the metrics of the process are absent.
   */
  process?: boolean
}

/** Turns the totals that a source reports into additions. */
class Growth {
  readonly #last = new Map<string, number>()

  /** Returns by how much `total` has grown since the last call for this key; the first call returns `total`. */
  of(key: string, total: number): number {
    const more = Math.max(0, total - (this.#last.get(key) ?? 0))
    this.#last.set(key, total)
    return more
  }
}

/** Returns how often the kernel has moved this thread to another CPU; null if the kernel does not tell. */
function migrations(): number | null {
  try {
    const found = /nr_migrations\s*:\s*(\d+)/.exec(readFileSync('/proc/thread-self/sched', 'latin1'))
    return found === null ? null : Number(found[1])
  } catch {
    return null
  }
}

/** Updates the metrics that exist once in a process. Only one thread calls it. */
function lookAtProcess(metrics: ProcessMetrics, growth: Growth): void {
  const { user, system } = process.cpuUsage()
  metrics.processCpuSeconds.labels({ mode: 'user' }).inc(growth.of('user', user) / 1e6)
  metrics.processCpuSeconds.labels({ mode: 'system' }).inc(growth.of('system', system) / 1e6)
  for (const [cpu, { times }] of cpusOfMachine().entries()) {
    for (const mode of CPU_MODES) {
      growTo(metrics.hostCpuSeconds.labels({ cpu, mode }), times[mode] / 1000)
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

/** Returns when the process started, in seconds since 1970. In a worker, `performance.timeOrigin` is the worker's start. */
function processStart(): number {
  return isMainThread ? performance.timeOrigin / 1000 : Date.now() / 1000 - process.uptime()
}

/** Checks the options and fills in their defaults. */
function checkObserveOptions(options: ObserveOptions): Required<ObserveOptions> {
  const given = checkOptions('options', options, ['thread', 'interval', 'process'])
  const { thread = String(threadId), interval = 1000, process: isForProcess = isMainThread } = given
  if (typeof (thread as unknown) !== 'string') throw typeError('thread', 'a string', thread)
  if (typeof (isForProcess as unknown) !== 'boolean')
    throw typeError('process', 'true or false', isForProcess)
  return { thread, interval: checkInteger('interval', interval, 10, 2 ** 31 - 1), process: isForProcess }
}

/** Updates the metrics of this thread, and those of the process if the options say so. */
class Observation {
  readonly #metrics: ProcessMetrics
  readonly #options: Required<ObserveOptions>
  readonly #growth = new Growth()
  readonly #delay = monitorEventLoopDelay({ resolution: 10 })
  #utilization = performance.eventLoopUtilization()

  constructor(metrics: ProcessMetrics, options: Required<ObserveOptions>) {
    this.#metrics = metrics
    this.#options = options
    this.#delay.enable()
  }

  look(): void {
    const { thread } = this.#options
    const metrics = this.#metrics
    if (this.#options.process) lookAtProcess(metrics, this.#growth)
    const moved = migrations()
    if (moved !== null) metrics.threadMigrations.labels({ thread }).inc(this.#growth.of('migrations', moved))
    const interrupted = this.#growth.of('interruptions', interruptedAdditions())
    metrics.threadInterruptions.labels({ thread }).inc(interrupted)
    metrics.threadHeap.labels({ thread }).set(process.memoryUsage().heapUsed)
    metrics.threadCpu.labels({ thread }).set(cpuId())
    metrics.threadNode.labels({ thread }).set(numaNode())
    this.#lookAtEventLoop(thread)
  }

  #lookAtEventLoop(thread: string): void {
    const { threadUtilization, eventLoopDelay } = this.#metrics
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, this.#utilization)
    threadUtilization.labels({ thread }).set(utilization)
    this.#utilization = now
    for (const [at, percentile] of PERCENTILES) {
      const nanoseconds = this.#delay.count === 0 ? 0 : this.#delay.percentile(percentile)
      eventLoopDelay.labels({ thread, at }).set(nanoseconds / 1e9)
    }
    this.#delay.reset()
  }

  end(): void {
    this.#delay.disable()
  }
}

/**
 * Keeps the {@link processMetrics} of this thread up to date. In the main thread, or if the option `process` is true, it also
 * updates those of the process. Updates them once now and then at every interval. Call it in each thread. Its timer does
 * not keep the thread alive.
 *
 * @returns a function that ends the updates.
 * @throws TypeError if `metrics` lack a metric of `processMetrics`; TypeError, RangeError if an option is unknown or wrong.
 */
export function observeProcess(metrics: ProcessMetrics, options: ObserveOptions = {}): () => void {
  const checked = checkObserveOptions(options)
  checkHasGroups(metrics, processMetrics, 'processMetrics')
  if (checked.process) {
    metrics.processStart.set(processStart())
    metrics.backendInfo.labels(backendLabels()).set(1)
  }
  const observation = new Observation(metrics, checked)
  observation.look()
  const collections = observeCollections(metrics)
  const timer = setInterval(() => {
    observation.look()
  }, checked.interval).unref()
  return () => {
    clearInterval(timer)
    collections.disconnect()
    observation.end()
  }
}
