/**
 * Writes metrics in Prometheus's text format or as OpenMetrics, in pieces.
 *
 * @module
 */
import { type NameEscaping, type NameOf, counterNames, escapeName, isPlain } from './names.js'
import { endsBefore } from './pieces.js'
import { type Cumulative, type ExposedFamily, type ExposedSpec, classicBuckets, cumulate } from './read.js'
import { SeriesCache } from './series-cache.js'

/** The text formats: Prometheus's text format 0.0.4, and OpenMetrics 1.0.0. */
export type TextFormat = 'prometheus' | 'openmetrics'

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

/** Returns the bound of a bucket as the value of a label. OpenMetrics requires `1.0` instead of `1`. */
function boundText(bound: number, format: TextFormat): string {
  const text = number(bound)
  return format === 'openmetrics' && /^-?\d+$/.test(text) ? `${text}.0` : text
}

/** Returns a name as a text shows it: in quotation marks if it is not plain. */
function nameText(name: string, of: NameOf): string {
  return isPlain(name, of) ? name : `"${escapeLabel(name)}"`
}

function labelText({ labels: specs }: ExposedSpec, labels: LabelTexts, escaping: NameEscaping): string {
  const texts = specs.flatMap(({ name }, k) => {
    const value = labels[k]
    if (value === undefined) return []
    return [`${nameText(escapeName(name, 'label', escaping), 'label')}="${escapeLabel(value)}"`]
  })
  return texts.join(',')
}

/** Returns the name and the labels of a sample: `name{labels}`, or `{"name",labels}` if the name is not plain. */
function sampleText(name: string, labels: string): string {
  if (!isPlain(name, 'metric')) return `{${nameText(name, 'metric')}${labels === '' ? '' : `,${labels}`}}`
  return labels === '' ? name : `${name}{${labels}}`
}

/** The values of a series' labels; undefined for a label that it has not. */
type LabelTexts = readonly (string | undefined)[]

/** Makes the lines of a series. */
interface Lines {
  /** Returns the part of the lines that never changes, from the label values. */
  frontOf(labels: LabelTexts): string
  /** Returns the lines with the current values. `front` is the result of `frontOf()` for the series. */
  of(series: number, front: string): string
}

/** Makes the line of a counter or gauge. */
class ValueLines implements Lines {
  readonly #family: ExposedFamily
  readonly #name: string
  readonly #escaping: NameEscaping

  constructor(family: ExposedFamily, name: string, escaping: NameEscaping) {
    this.#family = family
    this.#name = name
    this.#escaping = escaping
  }

  frontOf(labels: LabelTexts): string {
    return `${sampleText(this.#name, labelText(this.#family.spec, labels, this.#escaping))} `
  }

  of(series: number, front: string): string {
    return `${front}${number(this.#family.valueOf(series))}\n`
  }
}

/** Makes the lines of a histogram: buckets, sum and count; of a summary without buckets, sum and count. */
class HistogramLines implements Lines {
  readonly #family: ExposedFamily
  readonly #name: string
  readonly #escaping: NameEscaping
  readonly #classic: Cumulative
  /** The label `le` of each bucket, the last one included. */
  readonly #bounds: readonly string[]

  constructor(family: ExposedFamily, name: string, format: TextFormat, escaping: NameEscaping) {
    const { buckets, spec } = family
    this.#family = family
    this.#name = name
    this.#escaping = escaping
    this.#classic = buckets === null ? { bounds: [], ends: [] } : classicBuckets(buckets, spec.buckets)
    const bounds = buckets === null ? [] : [...this.#classic.bounds, Infinity]
    this.#bounds = bounds.map((bound) => `le="${boundText(bound, format)}"`)
  }

  frontOf(labels: LabelTexts): string {
    return labelText(this.#family.spec, labels, this.#escaping)
  }

  of(series: number, labels: string): string {
    const { count, sum, counts } = this.#family.distributionOf(series)
    const front = labels === '' ? '' : `${labels},`
    const cumulative = cumulate(this.#classic, counts)
    const buckets = this.#bounds.map(
      (bound, k) => `${sampleText(`${this.#name}_bucket`, front + bound)} ${cumulative[k] ?? count}\n`,
    )
    const ends = `${sampleText(`${this.#name}_sum`, labels)} ${number(sum)}\n${sampleText(`${this.#name}_count`, labels)} ${count}\n`
    return buckets.join('') + ends
  }
}

/** Returns the lines about a family that stand before its samples. */
function familyHead({ spec }: ExposedFamily, name: string, format: TextFormat): string {
  const shown = nameText(name, 'metric')
  // OpenMetrics has a unit only if the name ends with it.
  const isUnitShown = format === 'openmetrics' && spec.unit !== '' && name.endsWith(`_${spec.unit}`)
  const unit = isUnitShown ? `# UNIT ${shown} ${spec.unit}\n` : ''
  return `# HELP ${shown} ${escapeHelp(spec.help, format)}\n# TYPE ${shown} ${spec.kind}\n${unit}`
}

/** The result of `frontOf()` for each series. */
const fronts = new SeriesCache<string>()

function* familyText(family: ExposedFamily, format: TextFormat, escaping: NameEscaping): Generator<string> {
  const { spec, metric } = family
  const escaped = escapeName(spec.name, 'metric', escaping)
  const [name, sample] = spec.kind === 'counter' ? counterNames(escaped, format) : [escaped, escaped]
  const lines =
    spec.kind === 'counter' || spec.kind === 'gauge'
      ? new ValueLines(family, sample, escaping)
      : new HistogramLines(family, name, format, escaping)
  const known = fronts.of(metric, `${format} ${escaping}`)
  let text = familyHead(family, name, format)
  for (let series = 0; series < family.series; series++) {
    if (endsBefore(series, text.length)) {
      yield text
      text = ''
    }
    let front = known[series]
    if (front === undefined) {
      const labels = family.labelsOf(series)
      if (labels === null) continue
      front = lines.frontOf(labels)
      known[series] = front
    }
    if (family.isShown(series)) text += lines.of(series, front)
  }
  yield text
}

/** Yields the text of all metrics in pieces, some of which may be empty. Each piece is made when it is requested. */
export function* textPieces(
  families: readonly ExposedFamily[],
  format: TextFormat,
  escaping: NameEscaping,
): Generator<string> {
  for (const family of families) yield* familyText(family, format, escaping)
  if (format === 'openmetrics') yield '# EOF\n'
}
