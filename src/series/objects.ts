/**
 * Metrics among the objects of a service, for the views that list them.
 *
 * @module
 */
import type { MetricSnapshot, MetricsFile, ObjectSnapshot, ServiceSnapshot } from '../inspect/index.js'
import type { SeenFamily, SeenSeries } from './families.js'
import type { MetricsLook } from './reader.js'

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}

/** The name of a series, as Prometheus writes it: `requests_total{method="GET"}`. */
function nameOf(metric: string, labels: Readonly<Record<string, string>>): string {
  const texts = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`)
  return texts.length === 0 ? metric : `${metric}{${texts.join(',')}}`
}

function seriesObject({ spec }: SeenFamily, series: SeenSeries, file: ObjectSnapshot): MetricSnapshot {
  const { name: metric, kind, help } = spec
  const pairs = spec.labels.flatMap(({ name }, k): [string, string][] => {
    const value = series.labels[k]
    return value === undefined ? [] : [[name, value]]
  })
  const labels = Object.fromEntries(pairs)
  const name = nameOf(metric, labels)
  const isDistribution = kind === 'histogram' || kind === 'summary'
  return {
    ...{ name, kind, generation: file.generation, isRetired: false, made: file.made },
    ...{ file: `${file.file} ${name}`, bytes: 0, allocated: 0 },
    ...{ content: 'metric', metric, labels, help },
    sum: isDistribution ? finite(series.distribution.sum) : null,
    total: finite(series.value),
    perCpu: series.shares.slice(0, -1).map((share) => finite(share) ?? 0),
    overflow: finite(series.shares.at(-1) ?? 0) ?? 0,
  }
}

/** Whether a service has files of metrics, so that {@link withMetrics} has something to add. */
export function hasMetrics({ objects, problems }: ServiceSnapshot): boolean {
  return (
    problems.length === 0 &&
    objects.some(({ kind, content }) => content === 'unknown' && (kind === 'series' || kind === 'metrics'))
  )
}

/**
 * Returns a snapshot in which the files of metrics say how much they hold and, with `isEach`, are followed by their series.
 */
export function withMetrics(
  snapshot: ServiceSnapshot,
  { files }: MetricsLook,
  isEach: boolean,
): ServiceSnapshot {
  const objects = snapshot.objects.flatMap((object): ObjectSnapshot[] => {
    const families = files.get(object.file)
    if (object.content !== 'unknown' || families === undefined) return [object]
    const { name, kind, generation, isRetired, file, bytes, allocated, made } = object
    const series = families.reduce((sum, family) => sum + family.series, 0)
    const whole: MetricsFile = {
      ...{ name, kind, generation, isRetired, file, bytes, allocated, made },
      ...{ content: 'metrics', metrics: families.length, series },
      ...{ total: null, perCpu: [], overflow: 0 },
    }
    if (!isEach) return [whole]
    return [
      whole,
      ...families.flatMap((family) => family.all.map((one) => seriesObject(family, one, object))),
    ]
  })
  return { ...snapshot, objects }
}
