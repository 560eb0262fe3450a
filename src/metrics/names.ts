/**
 * The names of metrics and labels as the formats show them. Prometheus 3 reads any UTF-8 text as a name. For other readers, a
 * name is mapped to letters, digits and `_` by one of Prometheus's escaping schemes:
 * https://prometheus.io/docs/instrumenting/escaping_schemes/
 *
 * @module
 */
import type { MetricKind } from './schema.js'

/**
 * How a name that is more than letters, digits and `_` is shown: `underscores` puts `_` in place of each other character;
 * `dots` writes `.` as `_dot_` and `_` as `__`; `values` writes the number of each other character; `allow-utf-8` shows the
 * name unchanged, in quotation marks.
 */
export type NameEscaping = 'underscores' | 'dots' | 'values' | 'allow-utf-8'

export const ESCAPINGS = ['underscores', 'dots', 'values', 'allow-utf-8'] as const

/** What a name belongs to. A colon is a plain character in the name of a metric only. */
export type NameOf = 'metric' | 'label'

const PLAIN: Readonly<Record<NameOf, RegExp>> = {
  metric: /^[a-zA-Z_:][a-zA-Z0-9_:]*$/,
  label: /^[a-zA-Z_][a-zA-Z0-9_]*$/,
}

/** Returns whether all formats and versions can show a name without mapping or quotation marks. */
export function isPlain(name: string, of: NameOf): boolean {
  return PLAIN[of].test(name)
}

/** Maps each character of a name that `isKept` does not accept. A digit is not plain at the beginning of a name. */
function mapEach(
  name: string,
  of: NameOf,
  map: (char: string) => string,
  isKept: (char: string) => boolean = () => true,
): string {
  return Array.from(name, (char, k) =>
    isPlain(k === 0 ? char : `a${char}`, of) && isKept(char) ? char : map(char),
  ).join('')
}

const isNoUnderscore = (char: string): boolean => char !== '_'

/** Returns a name as the escaping scheme shows it. */
export function escapeName(name: string, of: NameOf, escaping: NameEscaping): string {
  switch (escaping) {
    case 'allow-utf-8':
      return name
    case 'underscores':
      return mapEach(name, of, () => '_')
    case 'dots':
      return mapEach(name, of, (char) => (char === '.' ? '_dot_' : '__'), isNoUnderscore)
    case 'values':
      if (isPlain(name, of)) return name
      return `U__${mapEach(
        name,
        of,
        (char) => (char === '_' ? '__' : `_${(char.codePointAt(0) as number).toString(16)}_`),
        isNoUnderscore,
      )}`
  }
}

/** The text formats, and protobuf, whose names are those of `prometheus`. */
export type NamesFormat = 'prometheus' | 'openmetrics'

/** Returns the names of a counter's family and of its sample. In OpenMetrics the family's name omits `_total`. */
export function counterNames(name: string, format: NamesFormat): [family: string, sample: string] {
  if (format === 'prometheus') return [name, name]
  const family = name.replace(/_total$/, '')
  return [family, `${family}_total`]
}

/** The endings of the samples' names of each kind of metric. OpenMetrics reserves `_created`. */
const ENDINGS: Readonly<Record<NamesFormat, Readonly<Record<MetricKind, readonly string[]>>>> = {
  prometheus: { counter: [''], gauge: [''], histogram: ['', '_bucket', '_sum', '_count'] },
  openmetrics: {
    counter: ['', '_total', '_created'],
    gauge: [''],
    histogram: ['', '_bucket', '_sum', '_count', '_created'],
  },
}

/** Returns all names that a metric has in a text: no other metric may have one of them. */
function namesIn(
  { kind, name }: { kind: MetricKind; name: string },
  format: NamesFormat,
  escaping: NameEscaping,
): string[] {
  const escaped = escapeName(name, 'metric', escaping)
  const family = kind === 'counter' ? counterNames(escaped, format)[0] : escaped
  return ENDINGS[format][kind].map((ending) => family + ending)
}

/** Two names that a format shows as one. */
export interface Clash {
  readonly shown: string
  readonly first: string
  readonly second: string
}

/** Returns the first two metrics that have a name in common in some format and escaping scheme; null if there are none. */
export function clashOf(specs: readonly { kind: MetricKind; name: string }[]): Clash | null {
  for (const format of ['prometheus', 'openmetrics'] as const) {
    for (const escaping of ESCAPINGS) {
      const owners = new Map<string, string>()
      for (const spec of specs) {
        const names = namesIn(spec, format, escaping)
        const shown = names.find((name) => owners.has(name))
        if (shown !== undefined) return { shown, first: owners.get(shown) as string, second: spec.name }
        for (const name of names) owners.set(name, spec.name)
      }
    }
  }
  return null
}

/** Returns the first two labels of a metric that an escaping scheme shows as one; null if there are none. */
export function labelClashOf(names: readonly string[]): Clash | null {
  for (const escaping of ESCAPINGS) {
    const owners = new Map<string, string>()
    for (const name of names) {
      const shown = escapeName(name, 'label', escaping)
      const first = owners.get(shown)
      if (first !== undefined) return { shown, first, second: name }
      owners.set(shown, name)
    }
  }
  return null
}
