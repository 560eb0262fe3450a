/**
 * The text of a schema in a buffer of metrics: one line of JSON for each metric.
 *
 * Threads can share a buffer only if the texts of their schemas are equal. Within one process the text is what the layout and the
 * counts depend on. In a file of a service it also says how a metric is shown, for readers that have no schema.
 *
 * @module
 */
import type { MetricSpec, MetricsSchema } from './schema.js'

/** How a metric is shown, as far as it is not the default: older files have no such fields. */
function shownAs({ kind, help, unit, absentAtZero, aggregator }: MetricSpec): object {
  return {
    help: help === '' ? undefined : help,
    unit: unit === '' ? undefined : unit,
    absentAtZero: absentAtZero || undefined,
    aggregator: kind !== 'gauge' || aggregator === 'sum' ? undefined : aggregator,
  }
}

const NOT_SHOWN = { help: undefined, unit: undefined, absentAtZero: undefined, aggregator: undefined }

/**
 * Returns the text of checked metrics.
 *
 * @param isInFile - whether it also says how the metrics are shown.
 */
export function textOf(specs: readonly MetricSpec[], isInFile: boolean): string {
  return specs
    .map((spec) => JSON.stringify({ ...spec, ...(isInFile ? shownAs(spec) : NOT_SHOWN) }))
    .join('\n')
}

const GROUPS = new Map<unknown, keyof MetricsSchema>([
  ['counter', 'counters'],
  ['gauge', 'gauges'],
  ['histogram', 'histograms'],
])

/**
 * Returns the schema of a file's text. It must be checked like any other schema, and its text compared with that of the file.
 *
 * @throws an Error of any kind if the text is none of a schema.
 */
export function schemaOf(text: string): MetricsSchema {
  const schema: Record<string, Record<string, object>> = {}
  if (text === '') return schema
  for (const line of text.split('\n')) {
    const { key, kind, labels, type, buckets, ...others } = JSON.parse(line) as Record<string, unknown>
    const group = GROUPS.get(kind) ?? ''
    const names = (labels as { name: string; known: unknown }[]).map(({ name, known }) => [
      name,
      known ?? 'any',
    ])
    const options = {
      ...{ help: '', ...others, labels: Object.fromEntries(names) as object },
      ...(kind === 'histogram' ? bucketOptions(buckets as object) : { type }),
    }
    schema[group] = { ...schema[group], [String(key)]: options }
  }
  return schema
}

function bucketOptions(buckets: object): object {
  return 'bounds' in buckets ? { buckets: buckets.bounds } : { exponential: buckets }
}
