/**
 * Metrics of all workers of `node:cluster`, which the primary asks for by messages.
 *
 * @module
 */
import { clearTimeout, setTimeout } from 'node:timers'
import cluster from 'node:cluster'
import { type AggregateMetrics, aggregators } from './aggregators.js'
import { memory } from './memory.js'
import {
  Registry,
  type MetricObjectWithValues,
  type RegistryContentType,
  PROMETHEUS,
  globalRegistry,
  sharedMetricsOf,
  staleMetrics,
} from './registry.js'

// The messages of prom-client, so that workers of a cluster may use either library.
const REQUEST = 'prom-client:getMetricsReq'
const RESPONSE = 'prom-client:getMetricsRes'
const PATIENCE_MS = 5000

interface Response {
  readonly type: string
  readonly requestId: number
  readonly error?: string
  readonly metrics?: MetricObjectWithValues[][]
}

interface Pending {
  left: number
  readonly responses: MetricObjectWithValues[][]
  readonly end: (error: Error | null) => void
}

let registries: readonly Registry<RegistryContentType>[] = [globalRegistry]
let requests = 0
const pending = new Map<number, Pending>()
let isListening = false

function receive({ type, requestId, error, metrics = [] }: Response): void {
  const request = type === RESPONSE ? pending.get(requestId) : undefined
  if (request === undefined) return
  if (error !== undefined) {
    request.end(new Error(error))
    return
  }
  request.responses.push(...metrics)
  if (--request.left === 0) request.end(null)
}

async function answer({ type, requestId }: Response): Promise<void> {
  if (type !== REQUEST) return
  try {
    const metrics = await Promise.all(registries.map((registry) => registry.getMetricsAsJSON()))
    process.send?.({ type: RESPONSE, requestId, metrics })
  } catch (error) {
    process.send?.({
      type: RESPONSE,
      requestId,
      error: error instanceof Error ? error.message : String(error),
    })
  }
}

/** Begins to listen, once. Only a program that makes an AggregatorRegistry pays for it. */
function listen(): void {
  if (isListening) return
  isListening = true
  if (cluster.isPrimary) {
    cluster.on('message', (_, message: Response | null) => {
      if (message !== null && typeof message === 'object') receive(message)
    })
  }
  if (cluster.isWorker) {
    process.on('message', (message: Response | null) => {
      if (message !== null && typeof message === 'object') void answer(message)
    })
  }
}

/** Combines what all processes of a service count, without asking them. */
function serviceMetrics(contentType: RegistryContentType): Promise<string> {
  const combined = new Registry<RegistryContentType>(contentType)
  const scopes = new Set(registries.map(({ scope }) => scope).filter((scope) => scope !== null))
  for (const scope of scopes) {
    for (const metric of sharedMetricsOf(scope, ({ aggregator }) => aggregator !== 'omit'))
      combined.registerMetric(metric)
  }
  memory.service?.look()
  for (const metric of staleMetrics())
    if (combined.getSingleMetric(metric.name) === undefined) combined.registerMetric(metric)
  return combined.metrics()
}

/** A registry whose {@link clusterMetrics} shows the metrics of all workers of `node:cluster`. */
export class AggregatorRegistry<T extends RegistryContentType = typeof PROMETHEUS> extends Registry<T> {
  /** @throws TypeError if the content type is neither of the two. */
  constructor(contentType: RegistryContentType = PROMETHEUS) {
    super(contentType)
    listen()
  }

  /**
   * Returns the text of the combined metrics of all workers; an empty one without workers. If processes share their metrics
   * (`share()`), the text is that of all processes of the service, also of those that have ended, and no process is asked.
   *
   * @throws Error if a worker does not answer within five seconds.
   */
  clusterMetrics(): Promise<string> {
    if (memory.service !== null) return serviceMetrics(this.contentType)
    return new Promise((resolve, reject) => {
      const requestId = requests++
      const timer = setTimeout(() => {
        end(new Error('Operation timed out.'))
      }, PATIENCE_MS)
      const responses: MetricObjectWithValues[][] = []
      const end = (error: Error | null): void => {
        clearTimeout(timer)
        pending.delete(requestId)
        if (error === null) resolve(AggregatorRegistry.aggregate(responses, this.contentType).metrics())
        else reject(error)
      }
      const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected() === true)
      if (workers.length === 0) {
        clearTimeout(timer)
        process.nextTick(resolve, '')
        return
      }
      pending.set(requestId, { left: workers.length, responses, end })
      for (const worker of workers) worker?.send({ type: REQUEST, requestId })
    })
  }

  /**
   * Combines results of `getMetricsAsJSON()`, each metric by its aggregator.
   *
   * @throws Error if a metric names an aggregator that does not exist.
   */
  static aggregate(
    metrics: readonly (readonly MetricObjectWithValues[])[],
    contentType: RegistryContentType = PROMETHEUS,
  ): Registry<RegistryContentType> {
    const registry = new Registry<RegistryContentType>(contentType)
    const byName = new Map<string, MetricObjectWithValues[]>()
    for (const metric of metrics.flat()) byName.set(metric.name, [...(byName.get(metric.name) ?? []), metric])
    for (const group of byName.values()) {
      const { aggregator } = group[0] as MetricObjectWithValues
      const aggregate = (aggregators as Record<string, AggregateMetrics | undefined>)[aggregator]
      if (typeof aggregate !== 'function') throw new Error(`'${aggregator}' is not a defined aggregator.`)
      const combined = aggregate(group)
      if (combined !== undefined) registry.registerMetric({ ...combined, get: () => combined })
    }
    return registry
  }

  /** Chooses the registries with which a worker answers. @throws TypeError if one is no registry. */
  static setRegistries(
    chosen: Registry<RegistryContentType> | readonly Registry<RegistryContentType>[],
  ): void {
    const list = Array.isArray(chosen) ? (chosen as readonly unknown[]) : [chosen as unknown]
    for (const one of list) {
      if (!(one instanceof Registry)) throw new TypeError(`Expected Registry, got ${typeof one}`)
    }
    registries = list as readonly Registry<RegistryContentType>[]
  }
}
