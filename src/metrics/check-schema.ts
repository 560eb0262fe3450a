/**
 * Checks a schema and fills in its defaults.
 *
 * @module
 */
import { ELEMENTS } from '../counters.js'
import { checkChoice, checkInteger, checkObject, rangeError, typeError } from '../errors.js'
import {
  type BucketsSpec,
  type CounterMetricOptions,
  type HistogramMetricOptions,
  type LabelSpec,
  type MetricKind,
  type MetricOptions,
  type MetricSpec,
  type MetricsSchema,
} from './schema.js'

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const DEFAULT_SERIES = 1000
const MOST_SERIES = 1 << 20
const DEFAULT_LABEL_BYTES = 64
/** prom-client's. */
const DEFAULT_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const MOST_BUCKETS = 1 << 14

const KINDS = { counters: 'counter', gauges: 'gauge', histograms: 'histogram' } as const

function fieldsOf(argument: string, value: unknown): Readonly<Record<string, unknown>> {
  return checkObject(argument, value, 'an object') as Record<string, unknown>
}

function checkName(argument: string, value: unknown, pattern: RegExp): string {
  const expected = `a name such as http_requests_total (${pattern.source})`
  if (typeof value !== 'string') throw typeError(argument, expected, value)
  if (!pattern.test(value)) throw rangeError(argument, expected, value)
  return value
}

function checkLabelName(argument: string, value: unknown, kind: MetricKind): string {
  const name = checkName(argument, value, LABEL_NAME)
  if (name.startsWith('__') || (kind === 'histogram' && name === 'le')) {
    throw rangeError(argument, 'a label name that Prometheus has no use of its own for', name)
  }
  return name
}

function checkKnown(argument: string, value: unknown): readonly string[] | null {
  if (value === 'any') return null
  if (!Array.isArray(value) || value.length === 0) {
    throw typeError(argument, "'any' or an array of values", value)
  }
  const known = value.map((one: unknown) => {
    if (typeof one !== 'string' && typeof one !== 'number' && typeof one !== 'boolean') {
      throw typeError(argument, 'values that are strings, numbers or booleans', one)
    }
    return String(one)
  })
  return [...new Set(known)]
}

function checkLabels(argument: string, labels: MetricOptions['labels'], kind: MetricKind): LabelSpec[] {
  if (labels === undefined) return []
  const given = fieldsOf(argument, labels)
  const specs = Array.isArray(labels)
    ? labels.map((name: unknown) => ({ name: checkLabelName(argument, name, kind), known: null }))
    : Object.entries(given).map(([name, known]) => ({
        name: checkLabelName(argument, name, kind),
        known: checkKnown(`${argument}.${name}`, known),
      }))
  const names = specs.map(({ name }) => name)
  if (new Set(names).size !== names.length) throw rangeError(argument, 'each name once', names)
  return specs
}

/** How many label sets there are, where all values are known. */
function product(labels: readonly LabelSpec[]): number | null {
  return labels.reduce<number | null>(
    (all, { known }) => (all === null || known === null ? null : all * known.length),
    1,
  )
}

function checkFinite(
  argument: string,
  value: unknown,
  expected: string,
  isGood: (n: number) => boolean,
): number {
  if (typeof value !== 'number') throw typeError(argument, expected, value)
  if (!Number.isFinite(value) || !isGood(value)) throw rangeError(argument, expected, value)
  return value
}

function checkBuckets(argument: string, options: HistogramMetricOptions): BucketsSpec {
  const { buckets = DEFAULT_BOUNDS, exponential } = options
  if (exponential !== undefined) {
    const { schema, least, most } = fieldsOf(`${argument}.exponential`, exponential)
    const checked = {
      schema: checkInteger(`${argument}.exponential.schema`, schema, 0, 8),
      least: checkFinite(
        `${argument}.exponential.least`,
        least,
        'a number above 0, no denormal one',
        (n) => n >= 2 ** -1022,
      ),
      most: checkFinite(
        `${argument}.exponential.most`,
        most,
        'a number above least',
        (n) => n > Number(least),
      ),
    }
    const count = 2 ** checked.schema * Math.log2(checked.most / checked.least)
    if (count > MOST_BUCKETS) {
      throw rangeError(`${argument}.exponential`, `at most ${MOST_BUCKETS} buckets`, Math.ceil(count))
    }
    return checked
  }
  if (!Array.isArray(buckets)) throw typeError(`${argument}.buckets`, 'an array of bounds', buckets)
  checkInteger(`${argument}.buckets.length`, buckets.length, 1, MOST_BUCKETS)
  const bounds = (buckets as unknown[]).map((bound, k) => {
    const above = k === 0 ? -Infinity : Number(buckets[k - 1])
    return checkFinite(`${argument}.buckets`, bound, 'finite bounds that ascend', (n) => n > above)
  })
  return { bounds }
}

function checkMetric(key: string, kind: MetricKind, value: unknown): MetricSpec {
  const options = fieldsOf(key, value) as unknown as MetricOptions & CounterMetricOptions
  const { help, name = key } = options
  if (typeof help !== 'string') throw typeError(`${key}.help`, 'a sentence', help)
  const labels = checkLabels(`${key}.labels`, options.labels, kind)
  const most = kind === 'histogram' ? MOST_SERIES >> 4 : MOST_SERIES
  const series = checkInteger(`${key}.series`, options.series ?? product(labels) ?? DEFAULT_SERIES, 1, most)
  const fallback = kind === 'counter' ? 'i64' : 'f64'
  return {
    key,
    kind,
    name: checkName(`${key}.name`, name, METRIC_NAME),
    help,
    type: checkChoice(`${key}.type`, options.type ?? fallback, ELEMENTS),
    labels,
    series: labels.length === 0 ? 1 : series,
    labelBytes: checkInteger(`${key}.labelBytes`, options.labelBytes ?? DEFAULT_LABEL_BYTES, 1, 1 << 12),
    buckets: kind === 'histogram' ? checkBuckets(key, options) : null,
  }
}

/**
 * The metrics of a schema, in the order of their declaration.
 *
 * @param reserved - keys that a metric cannot have.
 * @throws TypeError, RangeError that name the metric and the option that is wrong.
 */
export function checkSchema(schema: MetricsSchema, reserved: ReadonlySet<string>): MetricSpec[] {
  const given = fieldsOf('schema', schema)
  const specs = Object.entries(KINDS).flatMap(([group, kind]) =>
    Object.entries(fieldsOf(group, given[group] ?? {})).map(([key, value]) => checkMetric(key, kind, value)),
  )
  const unknown = Object.keys(given).find((group) => !(group in KINDS))
  if (unknown !== undefined) throw rangeError('schema', 'counters, gauges and histograms', unknown)
  const seen = new Set<string>()
  for (const { key, name } of specs) {
    if (reserved.has(key)) throw rangeError('schema', 'another key: metrics have that one of their own', key)
    for (const taken of [`key ${key}`, `name ${name}`]) {
      if (seen.has(taken)) throw rangeError('schema', 'each key and each name once', taken)
      seen.add(taken)
    }
  }
  return specs
}
