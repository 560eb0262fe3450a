/**
 * Checks a schema and fills in its defaults.
 *
 * @module
 */
import { checkChoice, checkInteger, checkObject, rangeError, typeError } from '../core/errors.js'
import { ELEMENTS } from '../core/layout.js'
import { checkOptions } from '../core/options.js'
import {
  type BucketsSpec,
  type CounterMetricOptions,
  type GaugeMetricOptions,
  type HistogramMetricOptions,
  type LabelSpec,
  type MetricKind,
  type MetricOptions,
  type MetricSpec,
  type MetricsSchema,
  UNSPEAKABLE,
} from './schema.js'
import { AGGREGATORS, PROCESS_LABEL } from './aggregator.js'
import { type Clash, clashOf, escapeName, labelClashOf } from './names.js'

const DEFAULT_SERIES = 1000
const MOST_SERIES = 1 << 20
const DEFAULT_LABEL_BYTES = 512
/** The default bounds of prom-client. */
const DEFAULT_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const MOST_BUCKETS = 1 << 14
const UNIT = 'a unit such as seconds or By, of at most 63 characters of ASCII without spaces'

const COMMON = ['name', 'help', 'unit', 'labels', 'series', 'labelBytes', 'absentAtZero'] as const
/** The options that each kind of metric accepts. */
const ACCEPTED = {
  counter: [...COMMON, 'type'],
  gauge: [...COMMON, 'type', 'aggregator'],
  histogram: [...COMMON, 'buckets', 'exponential'],
} as const

const KINDS = { counters: 'counter', gauges: 'gauge', histograms: 'histogram' } as const

function fieldsOf(argument: string, value: unknown): Readonly<Record<string, unknown>> {
  return checkObject(argument, value, 'an object') as Record<string, unknown>
}

/** The longest name of a metric or label, in UTF-16 code units: what it takes is repeated in each line of a text. */
const MOST_NAME_LENGTH = 256

function checkName(argument: string, value: unknown): string {
  const expected = `a name such as http_requests_total, of 1 to ${MOST_NAME_LENGTH} characters of UTF-8 but U+0000`
  if (typeof value !== 'string') throw typeError(argument, expected, value)
  if (value === '' || value.length > MOST_NAME_LENGTH || value.search(UNSPEAKABLE) >= 0) {
    throw rangeError(argument, expected, value)
  }
  return value
}

function checkLabelName(argument: string, value: unknown, kind: MetricKind): string {
  const name = checkName(argument, value)
  const shown = escapeName(name, 'label', 'underscores')
  if (shown.startsWith('__') || (kind === 'histogram' && shown === 'le')) {
    throw rangeError(argument, 'a label name that Prometheus has no use of its own for', name)
  }
  return name
}

/** Names of which some reader could not tell one from the other are refused when they are defined. */
function checkClash(argument: string, clash: Clash | null): void {
  if (clash === null) return
  const { first, second, shown } = clash
  throw rangeError(
    argument,
    `names that differ in all formats; ${first} and ${second} both appear as ${shown}`,
    second,
  )
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
  checkClash(argument, labelClashOf(names))
  return specs
}

/** Returns the number of possible label sets; null if the values of a label are not known. */
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
    if (options.buckets !== undefined) {
      throw new TypeError(`${argument}: expected either buckets or exponential, got both`)
    }
    const { schema, least, most } = checkOptions(`${argument}.exponential`, exponential, [
      'schema',
      'least',
      'most',
    ])
    const checked = {
      schema: checkInteger(`${argument}.exponential.schema`, schema, 0, 8),
      least: checkFinite(
        `${argument}.exponential.least`,
        least,
        'a number above 0, no denormal one',
        (n) => n >= 2 ** -1022,
      ),
      most: checkFinite(`${argument}.exponential.most`, most, 'a number above least', (n) => n > least),
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
  const options = checkOptions(key, value as CounterMetricOptions & GaugeMetricOptions, ACCEPTED[kind])
  const { help, name = key, unit = '', absentAtZero = false } = options
  if (typeof help !== 'string') throw typeError(`${key}.help`, 'a sentence', help)
  if (typeof unit !== 'string') throw typeError(`${key}.unit`, UNIT, unit)
  if (!/^[\x21-\x7e]{0,63}$/.test(unit)) throw rangeError(`${key}.unit`, UNIT, unit)
  if (typeof absentAtZero !== 'boolean') {
    throw typeError(`${key}.absentAtZero`, 'true or false', absentAtZero)
  }
  if (kind === 'counter' && escapeName(name, 'metric', 'underscores') === '_total') {
    throw rangeError(`${key}.name`, 'more than _total, which OpenMetrics takes off', name)
  }
  const labels = checkLabels(`${key}.labels`, options.labels, kind)
  const aggregator = checkChoice(`${key}.aggregator`, options.aggregator ?? 'sum', AGGREGATORS)
  if (aggregator === 'process' && labels.some((label) => label.name === PROCESS_LABEL)) {
    throw rangeError(
      `${key}.labels`,
      'other names: process is the label that tells processes apart',
      PROCESS_LABEL,
    )
  }
  const most = kind === 'histogram' ? MOST_SERIES >> 4 : MOST_SERIES
  const series = checkInteger(`${key}.series`, options.series ?? product(labels) ?? DEFAULT_SERIES, 1, most)
  const fallback = kind === 'counter' ? 'i64' : 'f64'
  return {
    key,
    kind,
    name: checkName(`${key}.name`, name),
    help,
    unit,
    type: checkChoice(`${key}.type`, options.type ?? fallback, ELEMENTS),
    labels,
    absentAtZero,
    aggregator,
    series: labels.length === 0 ? 1 : series,
    labelBytes: checkInteger(`${key}.labelBytes`, options.labelBytes ?? DEFAULT_LABEL_BYTES, 1, 1 << 12),
    buckets: kind === 'histogram' ? checkBuckets(key, options) : null,
  }
}

/**
 * Checks a schema. Returns its metrics, with defaults filled in: counters, gauges and then histograms, each in the order of
 * their declaration.
 *
 * @param reserved - keys that a metric cannot have.
 * @throws TypeError, RangeError that name the metric and the wrong option.
 */
export function checkSchema(schema: MetricsSchema, reserved: ReadonlySet<string>): MetricSpec[] {
  const given = checkOptions('schema', schema as Readonly<Record<string, unknown>>, Object.keys(KINDS))
  const specs = Object.entries(KINDS).flatMap(([group, kind]) =>
    Object.entries(fieldsOf(group, given[group] ?? {})).map(([key, value]) => checkMetric(key, kind, value)),
  )
  const seen = new Set<string>()
  for (const { key, name } of specs) {
    if (reserved.has(key)) throw rangeError('schema', 'another key: metrics have that one of their own', key)
    for (const taken of [`key ${key}`, `name ${name}`]) {
      if (seen.has(taken)) throw rangeError('schema', 'each key and each name once', taken)
      seen.add(taken)
    }
  }
  checkClash('schema', clashOf(specs))
  return specs
}
