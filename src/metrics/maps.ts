/**
 * Metrics of maps: declarations to spread into a schema, and the function that updates them.
 *
 * @module
 */
import { clearInterval, setInterval } from 'node:timers'
import { checkInteger, typeError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import type { SharedMap } from '../map/map.js'
import type { Metrics } from './metrics.js'
import { checkHasGroups, growTo } from './observing.js'

const OF_MAPS = { labels: ['map'], series: 16 } as const
/** Several processes report one map: a reader takes one of their equal values. */
const OF_ONE_MAP = { ...OF_MAPS, type: 'i64', aggregator: 'max' } as const

const MAP_METRICS = {
  counters: {
    mapHits: { name: 'rseq_map_hits_total', help: 'Lookups that found a value.', ...OF_MAPS },
    mapMisses: { name: 'rseq_map_misses_total', help: 'Lookups that found none.', ...OF_MAPS },
    mapEvictions: {
      name: 'rseq_map_evictions_total',
      help: 'Entries that gave way to others before their time.',
      ...OF_MAPS,
    },
    mapExpirations: {
      name: 'rseq_map_expirations_total',
      help: 'Entries that gave way because their time was over.',
      ...OF_MAPS,
    },
    mapStampedesAvoided: {
      name: 'rseq_map_stampedes_avoided_total',
      help: 'Calls of fetch that got the value which another one computed.',
      ...OF_MAPS,
    },
    mapRepairs: {
      name: 'rseq_map_repairs_total',
      help: 'Parts that were made whole after a thread or process ended within a change.',
      ...OF_MAPS,
    },
  },
  gauges: {
    mapEntries: { name: 'rseq_map_entries', help: 'Entries of the map.', ...OF_ONE_MAP },
    mapBytes: { name: 'rseq_map_bytes', help: 'Bytes of these entries.', ...OF_ONE_MAP },
  },
} as const

/** The counters, and what {@link SharedMap.statistics} calls them. */
const COUNTED = [
  ['mapHits', 'hits'],
  ['mapMisses', 'misses'],
  ['mapEvictions', 'evictions'],
  ['mapExpirations', 'expirations'],
  ['mapStampedesAvoided', 'waits'],
  ['mapRepairs', 'repairs'],
] as const

/** The schema of {@link mapMetrics}: each metric has the label `map`, for at most 16 maps. */
export type MapMetricsSchema = typeof MAP_METRICS

/** The metrics that {@link observeMap} keeps up to date. Spread its groups into the groups of a schema. */
export const mapMetrics: MapMetricsSchema = MAP_METRICS

/** Metrics whose schema contains {@link mapMetrics}. */
export type MapMetrics = Pick<
  Metrics<MapMetricsSchema>,
  keyof MapMetricsSchema['counters'] | keyof MapMetricsSchema['gauges']
>

/** Options of {@link observeMap}. */
export interface ObserveMapOptions {
  /** The milliseconds from one update to the next: 10 to 2**31 - 1, by default 1000. */
  interval?: number
}

/**
 * Keeps the {@link mapMetrics} of a map up to date. Updates them once now and then at every interval. The numbers are those of
 * all threads and processes that use the map: call it in one thread. Its timer does not keep the thread alive, and ends when
 * the map is closed.
 *
 * @param name - the value of the label `map`.
 * @returns a function that ends the updates.
 * @throws TypeError if `metrics` lack a metric of `mapMetrics`, if `map` is no SharedMap or `name` no string; TypeError, RangeError if an
 *   option is unknown or wrong; Error if the map is closed.
 */
export function observeMap(
  metrics: MapMetrics,
  map: Pick<SharedMap, 'statistics'>,
  name: string,
  options: ObserveMapOptions = {},
): () => void {
  checkHasGroups(metrics, MAP_METRICS, 'mapMetrics')
  if (typeof (map as Partial<SharedMap> | undefined)?.statistics !== 'function')
    throw typeError('map', 'a SharedMap', map)
  if (typeof (name as unknown) !== 'string') throw typeError('name', 'a string', name)
  const { interval = 1000 } = checkOptions('options', options, ['interval'])
  checkInteger('interval', interval, 10, 2 ** 31 - 1)
  look(metrics, map, name)
  const timer = setInterval(() => {
    try {
      look(metrics, map, name)
    } catch {
      // Somebody has closed the map, or the metrics.
      clearInterval(timer)
    }
  }, interval).unref()
  return () => {
    clearInterval(timer)
  }
}

function look(metrics: MapMetrics, map: Pick<SharedMap, 'statistics'>, name: string): void {
  const statistics = map.statistics()
  for (const [metric, statistic] of COUNTED) {
    growTo(metrics[metric].labels({ map: name }), statistics[statistic])
  }
  metrics.mapEntries.labels({ map: name }).set(statistics.entries)
  metrics.mapBytes.labels({ map: name }).set(statistics.bytes)
}
