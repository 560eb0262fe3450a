/**
 * The default metrics of prom-client, under its names and labels, so that dashboards and alerts go on; and `rseq_info`.
 *
 * Each belongs to the process, and only the thread that calls {@link collectDefaultMetrics} has it.
 *
 * @module
 */
import { setImmediate } from 'node:timers'
import { readFileSync, readdirSync } from 'node:fs'
import { PerformanceObserver, constants, monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapSpaceStatistics } from 'node:v8'
import { isMainThread } from 'node:worker_threads'
import { Counter } from './counter.js'
import { Gauge } from './gauge.js'
import { Histogram } from './histogram.js'
import { isObject } from './labels.js'
import { BACKEND_INFO, backendLabels } from '../thread/backend-labels.js'
import type { Aggregator } from '../metrics/aggregator.js'
import { memory } from './memory.js'
import { startClock } from './metric.js'
import type { Registry, RegistryContentType } from './registry.js'

/** The configuration of {@link collectDefaultMetrics}. */
export interface DefaultMetricsCollectorConfiguration {
  /** The registry that shows the metrics; by default the default registry. */
  register?: Registry<RegistryContentType>
  /** A prefix of all names. */
  prefix?: string
  /** Labels of all series. */
  labels?: Readonly<Record<string, string | number>>
  /** The bounds of the buckets of `nodejs_gc_duration_seconds`, in seconds. */
  gcDurationBuckets?: readonly number[]
  /** How often the event loop's delay is looked at, in milliseconds; 10 by default. */
  eventLoopMonitoringPrecision?: number
  /** Accepted as in prom-client. */
  enableExemplars?: boolean
}

const GC_KINDS = new Map<unknown, string>([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
])

/** Makes the metrics with the options that they have in common. */
class Maker {
  readonly labels: Readonly<Record<string, string | number>>
  readonly config: DefaultMetricsCollectorConfiguration
  readonly #prefix: string
  readonly #registers: readonly Registry<RegistryContentType>[] | undefined

  constructor(config: DefaultMetricsCollectorConfiguration) {
    this.config = config
    this.labels = config.labels ?? {}
    this.#prefix = config.prefix ?? ''
    this.#registers = config.register === undefined ? undefined : [config.register]
  }

  #common(name: string, help: string, labelNames: readonly string[]) {
    return {
      name: this.#prefix + name,
      help,
      registers: this.#registers,
      labelNames: [...labelNames, ...Object.keys(this.labels)],
      // Of several threads that collect them, only one may add to what processes share.
      shared: memory.service !== null && isMainThread,
    }
  }

  gauge(name: string, help: string, options: { aggregator?: Aggregator; labelNames?: string[] } = {}): Gauge {
    const { aggregator = 'sum', labelNames = [] } = options
    return new Gauge({ ...this.#common(name, help, labelNames), aggregator })
  }

  counter(name: string, help: string): Counter {
    return new Counter(this.#common(name, help, []))
  }

  histogram(name: string, help: string, labelNames: string[], buckets: readonly number[]): Histogram {
    return new Histogram({ ...this.#common(name, help, labelNames), buckets })
  }
}

/** Sets a gauge with the label `type` to how often each type occurs. */
function count(
  gauge: Gauge,
  types: readonly string[],
  labels: Readonly<Record<string, string | number>>,
): void {
  const counts = new Map<string, number>()
  for (const type of types) counts.set(type, (counts.get(type) ?? 0) + 1)
  gauge.reset()
  for (const [type, value] of counts) gauge.set({ type, ...labels }, value)
}

/** Runs what may fail where there is no `/proc`, or none that may be read: the metric then is absent or stays as it was. */
function tryTo(read: () => void): void {
  try {
    read()
  } catch {
    // Absent, as in prom-client.
  }
}

function processCpuTotal(make: Maker): void {
  let last = process.cpuUsage()
  const user = make.counter('process_cpu_user_seconds_total', 'Total user CPU time spent in seconds.')
  const system = make.counter('process_cpu_system_seconds_total', 'Total system CPU time spent in seconds.')
  const both = make.counter('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.')
  user.collect = () => {
    const now = process.cpuUsage()
    const [more, moreSystem] = [
      Math.max(0, now.user - last.user) / 1e6,
      Math.max(0, now.system - last.system) / 1e6,
    ]
    last = now
    user.inc(make.labels, more)
    system.inc(make.labels, moreSystem)
    both.inc(make.labels, more + moreSystem)
  }
}

function processStartTime(make: Maker): void {
  const start = Math.round(Date.now() / 1000 - process.uptime())
  const help = 'Start time of the process since unix epoch in seconds.'
  const gauge = make.gauge('process_start_time_seconds', help, { aggregator: 'omit' })
  gauge.collect = () => {
    gauge.set(make.labels, start)
  }
}

function osMemoryHeap(make: Maker): void {
  const resident = make.gauge('process_resident_memory_bytes', 'Resident memory size in bytes.')
  if (process.platform !== 'linux') {
    resident.collect = () => {
      resident.set(make.labels, process.memoryUsage.rss())
    }
    return
  }
  const virtual = make.gauge('process_virtual_memory_bytes', 'Virtual memory size in bytes.')
  const heap = make.gauge('process_heap_bytes', 'Process heap size in bytes.')
  resident.collect = () => {
    tryTo(() => {
      const status = readFileSync('/proc/self/status', 'latin1')
      const rows = [
        ['VmRSS', resident],
        ['VmSize', virtual],
        ['VmData', heap],
      ] as const
      for (const [key, gauge] of rows) {
        const kilobytes = new RegExp(`^${key}:\\s*(\\d+) kB`, 'm').exec(status)?.[1]
        if (kilobytes !== undefined) gauge.set(make.labels, Number(kilobytes) * 1024)
      }
    })
  }
}

function processOpenFileDescriptors(make: Maker): void {
  if (process.platform !== 'linux') return
  const gauge = make.gauge('process_open_fds', 'Number of open file descriptors.')
  gauge.collect = () => {
    tryTo(() => {
      // One of them is the descriptor by which the directory was read.
      gauge.set(make.labels, readdirSync('/proc/self/fd').length - 1)
    })
  }
}

function processMaxFileDescriptors(make: Maker): void {
  let most: string | undefined
  tryTo(() => {
    most = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
  })
  if (most === undefined) return
  const gauge = make.gauge('process_max_fds', 'Maximum number of open file descriptors.')
  gauge.collect = () => {
    gauge.set(make.labels, Number(most))
  }
}

function eventLoopLag(make: Maker): void {
  const lag = make.gauge('nodejs_eventloop_lag_seconds', 'Lag of event loop in seconds.', {
    aggregator: 'average',
  })
  const delay = monitorEventLoopDelay({ resolution: make.config.eventLoopMonitoringPrecision ?? 10 })
  delay.enable()
  const rows = (
    [
      ['min', 'The minimum recorded event loop delay.', 'min', () => delay.min],
      ['max', 'The maximum recorded event loop delay.', 'max', () => delay.max],
      ['mean', 'The mean of the recorded event loop delays.', 'average', () => delay.mean],
      ['stddev', 'The standard deviation of the recorded event loop delays.', 'average', () => delay.stddev],
      [
        'p50',
        'The 50th percentile of the recorded event loop delays.',
        'average',
        () => delay.percentile(50),
      ],
      [
        'p90',
        'The 90th percentile of the recorded event loop delays.',
        'average',
        () => delay.percentile(90),
      ],
      [
        'p99',
        'The 99th percentile of the recorded event loop delays.',
        'average',
        () => delay.percentile(99),
      ],
    ] as const
  ).map(([at, help, aggregator, read]) => ({
    gauge: make.gauge(`nodejs_eventloop_lag_${at}_seconds`, help, { aggregator }),
    read,
  }))
  lag.collect = () => {
    const clock = startClock()
    setImmediate(() => {
      lag.set(make.labels, clock())
    })
    for (const { gauge, read } of rows) gauge.set(make.labels, read() / 1e9)
    delay.reset()
  }
}

function processResources(make: Maker): void {
  const active = make.gauge(
    'nodejs_active_resources',
    'Number of active resources that are currently keeping the event loop alive, grouped by async resource type.',
    { labelNames: ['type'] },
  )
  const total = make.gauge('nodejs_active_resources_total', 'Total number of active resources.')
  active.collect = () => {
    count(active, process.getActiveResourcesInfo(), make.labels)
  }
  total.collect = () => {
    total.set(make.labels, process.getActiveResourcesInfo().length)
  }
}

/** Lists the handles or the requests of the process by the functions that Node keeps for this purpose. */
type Lister = () => readonly ({ readonly constructor?: { readonly name: string } } | null | undefined)[]

function activeObjects(make: Maker, what: 'handle' | 'request', list: Lister | undefined): void {
  if (typeof list !== 'function') return
  const types = (): string[] =>
    list.call(process).flatMap((one) => (one?.constructor === undefined ? [] : [one.constructor.name]))
  const active = make.gauge(
    `nodejs_active_${what}s`,
    `Number of active libuv ${what}s grouped by ${what} type. Every ${what} type is C++ class name.`,
    { labelNames: ['type'] },
  )
  const total = make.gauge(`nodejs_active_${what}s_total`, `Total number of active ${what}s.`)
  active.collect = () => {
    count(active, types(), make.labels)
  }
  total.collect = () => {
    total.set(make.labels, list.call(process).length)
  }
}

interface Listers {
  readonly _getActiveHandles?: Lister
  readonly _getActiveRequests?: Lister
}

function processHandles(make: Maker): void {
  activeObjects(make, 'handle', (process as Listers)._getActiveHandles)
}

function processRequests(make: Maker): void {
  activeObjects(make, 'request', (process as Listers)._getActiveRequests)
}

function heapSizeAndUsed(make: Maker): void {
  const total = make.gauge('nodejs_heap_size_total_bytes', 'Process heap size from Node.js in bytes.')
  const used = make.gauge('nodejs_heap_size_used_bytes', 'Process heap size used from Node.js in bytes.')
  const external = make.gauge('nodejs_external_memory_bytes', 'Node.js external memory size in bytes.')
  total.collect = () => {
    tryTo(() => {
      const usage = process.memoryUsage()
      total.set(make.labels, usage.heapTotal)
      used.set(make.labels, usage.heapUsed)
      external.set(make.labels, usage.external)
    })
  }
}

function heapSpacesSizeAndUsed(make: Maker): void {
  const gauges = (['total', 'used', 'available'] as const).map((what) => {
    const help = `Process heap space size ${what} from Node.js in bytes.`
    return [
      what,
      make.gauge(`nodejs_heap_space_size_${what}_bytes`, help, { labelNames: ['space'] }),
    ] as const
  })
  const first = gauges[0]?.[1]
  if (first === undefined) return
  first.collect = () => {
    for (const {
      space_name,
      space_size,
      space_used_size,
      space_available_size,
    } of getHeapSpaceStatistics()) {
      const sizes = { total: space_size, used: space_used_size, available: space_available_size }
      const space = space_name.slice(0, space_name.indexOf('_space'))
      for (const [what, gauge] of gauges) gauge.set({ space, ...make.labels }, sizes[what])
    }
  }
}

function version(make: Maker): void {
  const [major = 0, minor = 0, patch = 0] = process.version.slice(1).split('.').map(Number)
  const gauge = make.gauge('nodejs_version_info', 'Node.js version info.', {
    aggregator: 'first',
    labelNames: ['version', 'major', 'minor', 'patch'],
  })
  gauge.collect = () => {
    gauge.set({ version: process.version, major, minor, patch, ...make.labels }, 1)
  }
}

/** The one default metric that prom-client does not have. */
function backend(make: Maker): void {
  const { name, help } = BACKEND_INFO
  const gauge = make.gauge(name, help, { aggregator: 'process', labelNames: ['backend', 'tier', 'reason'] })
  const own = backendLabels()
  gauge.collect = () => {
    gauge.set({ ...own, ...make.labels }, 1)
  }
}

function gc(make: Maker): void {
  const histogram = make.histogram(
    'nodejs_gc_duration_seconds',
    'Garbage collection duration by kind, one of major, minor, incremental or weakcb.',
    ['kind'],
    make.config.gcDurationBuckets ?? [0.001, 0.01, 0.1, 1, 2, 5],
  )
  const observer = new PerformanceObserver((list) => {
    for (const { detail, duration } of list.getEntries() as {
      detail?: { kind?: unknown }
      duration: number
    }[]) {
      const kind = GC_KINDS.get(detail?.kind)
      if (kind !== undefined) histogram.observe({ kind, ...make.labels }, duration / 1000)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
}

const GROUPS = {
  processCpuTotal,
  processStartTime,
  osMemoryHeap,
  processOpenFileDescriptors,
  processMaxFileDescriptors,
  eventLoopLag,
  processResources,
  processHandles,
  processRequests,
  heapSizeAndUsed,
  heapSpacesSizeAndUsed,
  version,
  backend,
  gc,
}

/**
 * Registers the default metrics. They are read when an exposition asks for them.
 *
 * @throws TypeError if `config` is no object; Error if the registry has one of the names.
 */
export function collectDefaultMetrics(config?: DefaultMetricsCollectorConfiguration | null): void {
  if (config !== null && config !== undefined && !isObject(config)) {
    throw new TypeError('config must be null, undefined, or an object')
  }
  const make = new Maker(config ?? {})
  for (const group of Object.values(GROUPS)) group(make)
}

/** The names of the groups of default metrics. */
collectDefaultMetrics.metricsList = Object.keys(GROUPS)
