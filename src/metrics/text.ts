/**
 * Prometheus's text format and OpenMetrics, in pieces.
 *
 * @module
 */
import type { Internals, OpenMetric } from './internals.js'
import type { Buckets } from './buckets.js'
import { type Cumulative, type Family, classicBuckets, cumulate, familiesOf } from './read.js'
import type { MetricSpec } from './schema.js'

export type TextFormat = 'prometheus' | 'openmetrics'

/** About as many characters are made before others get a turn. */
const PIECE = 16_384

function escapeLabel(value: string): string {
  return /["\\\n]/.test(value)
    ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
    : value
}

function escapeHelp(help: string, format: TextFormat): string {
  const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return format === 'openmetrics' ? escaped.replaceAll('"', '\\"') : escaped
}

function number(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}

/** A bucket's bound as a label: OpenMetrics wants 1 to be 1.0. */
function boundText(bound: number, format: TextFormat): string {
  const text = number(bound)
  return format === 'openmetrics' && /^-?\d+$/.test(text) ? `${text}.0` : text
}

function labelText({ labels: specs }: MetricSpec, labels: readonly string[]): string {
  return specs.map(({ name }, k) => `${name}="${escapeLabel(labels[k] as string)}"`).join(',')
}

/** The lines of a series. */
interface Lines {
  /** What of them is the same each time. */
  frontOf(labels: readonly string[]): string
  of(series: number, front: string): string
}

/** One line with one number. */
class ValueLines implements Lines {
  readonly #family: Family
  readonly #name: string

  constructor(family: Family, name: string) {
    this.#family = family
    this.#name = name
  }

  frontOf(labels: readonly string[]): string {
    return labels.length === 0 ? `${this.#name} ` : `${this.#name}{${labelText(this.#family.spec, labels)}} `
  }

  of(series: number, front: string): string {
    return `${front}${number(this.#family.valueOf(series))}\n`
  }
}

/** Buckets, sum and count. */
class HistogramLines implements Lines {
  readonly #family: Family
  readonly #name: string
  readonly #classic: Cumulative
  readonly #bounds: readonly string[]

  constructor(family: Family, buckets: Buckets, name: string, format: TextFormat) {
    this.#family = family
    this.#name = name
    this.#classic = classicBuckets(buckets, family.spec.buckets)
    this.#bounds = this.#classic.bounds.map((bound) => boundText(bound, format))
  }

  frontOf(labels: readonly string[]): string {
    return labelText(this.#family.spec, labels)
  }

  of(series: number, labels: string): string {
    const { count, sum, counts } = this.#family.distributionOf(series)
    const name = this.#name
    const front = `${name}_bucket{${labels === '' ? '' : `${labels},`}le="`
    const back = labels === '' ? '' : `{${labels}}`
    const lines = cumulate(this.#classic, counts).map(
      (n, k) => `${front}${this.#bounds[k] as string}"} ${n}\n`,
    )
    const ends = `${front}+Inf"} ${count}\n${name}_sum${back} ${number(sum)}\n${name}_count${back} ${count}\n`
    return lines.join('') + ends
  }
}

/** The name of the family and that of its samples: OpenMetrics names a counter without `_total`. */
function namesOf({ spec }: Family, format: TextFormat): [string, string] {
  if (format === 'prometheus' || spec.kind !== 'counter') return [spec.name, spec.name]
  const family = spec.name.replace(/_total$/, '')
  return [family, `${family}_total`]
}

/** What is the same in each exposition of a series, made once in a thread. */
const fronts: Record<TextFormat, WeakMap<OpenMetric, (string | undefined)[]>> = {
  prometheus: new WeakMap(),
  openmetrics: new WeakMap(),
}

function* familyText(family: Family, format: TextFormat): Generator<string> {
  const { spec, buckets, metric } = family
  const [name, sample] = namesOf(family, format)
  const lines =
    buckets === null ? new ValueLines(family, sample) : new HistogramLines(family, buckets, name, format)
  const known = fronts[format].get(metric) ?? []
  fronts[format].set(metric, known)
  let text = `# HELP ${name} ${escapeHelp(spec.help, format)}\n# TYPE ${name} ${spec.kind}\n`
  for (let series = 0; series < family.series; series++) {
    let front = known[series]
    if (front === undefined) {
      const labels = family.labelsOf(series)
      if (labels === null || !family.isShown(series)) continue
      front = lines.frontOf(labels)
      known[series] = front
    }
    text += lines.of(series, front)
    if (text.length >= PIECE) {
      yield text
      text = ''
    }
  }
  yield text
}

/** The text of all metrics, in pieces that are made when they are asked for. */
export function* textPieces(metrics: Internals, format: TextFormat): Generator<string> {
  for (const family of familiesOf(metrics)) yield* familyText(family, format)
  if (format === 'openmetrics') yield '# EOF\n'
}
