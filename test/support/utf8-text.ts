/**
 * A strict parser of Prometheus's text format 1.0.0 and of OpenMetrics with names of UTF-8, written from the grammar at
 * https://prometheus.io/docs/instrumenting/exposition_formats/ and https://prometheus.io/docs/guides/utf8/.
 *
 * @module
 */

/** A sample: its name, its labels, and its value as text. */
export type Sample = [name: string, labels: Record<string, string>, value: string]

/** A family of samples, in the form that Python's parser prints, too. */
export interface Family {
  name: string
  type: string
  samples: Sample[]
}

const METRIC_NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y
const LABEL_NAME = /[a-zA-Z_][a-zA-Z0-9_]*/y
const QUOTED = /"((?:[^"\\\n]|\\["\\n])*)"/y
const VALUE = /(?:[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[+-]Inf|NaN)$/y

/** Reads one line from left to right. */
class Line {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (match === null) return null
    this.#at = pattern.lastIndex
    return match[1] ?? match[0]
  }

  takes(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  expect(text: string): void {
    if (!this.takes(text)) this.fail(`expected ${text}`)
  }

  fail(problem: string): never {
    throw new Error(`${problem} at ${this.#at}: ${this.#text}`)
  }

  quoted(): string | null {
    const text = this.take(QUOTED)
    return text === null ? null : text.replaceAll(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char))
  }

  name(pattern: RegExp): string {
    return this.quoted() ?? this.take(pattern) ?? this.fail('expected a name')
  }

  rest(): string {
    return this.#text.slice(this.#at)
  }
}

function sampleOf(line: Line): Sample {
  let name = line.take(METRIC_NAME)
  const labels: Record<string, string> = {}
  if (line.takes('{')) {
    let isFirst = true
    while (!line.takes('}')) {
      if (!isFirst) line.expect(',')
      const label = line.name(LABEL_NAME)
      if (isFirst && name === null && !line.takes('=')) {
        name = label
      } else {
        if (!(isFirst && name === null)) line.expect('=')
        if (Object.hasOwn(labels, label)) line.fail(`label ${label} twice`)
        labels[label] = line.quoted() ?? line.fail('expected a value')
      }
      isFirst = false
    }
  }
  line.expect(' ')
  return [name ?? line.fail('expected a name'), labels, line.take(VALUE) ?? line.fail('expected a number')]
}

/** Parses a text. Throws an Error that names the line if it is not right. */
export function parseUtf8Text(text: string): Family[] {
  if (text === '') return []
  if (!text.endsWith('\n')) throw new Error('expected a line feed at the end')
  const families: Family[] = []
  const seen = new Set<string>()
  for (const one of text.slice(0, -1).split('\n')) {
    const line = new Line(one)
    if (line.takes('# EOF')) continue
    if (line.takes('# HELP ')) {
      const name = line.name(METRIC_NAME)
      if (families.some((family) => family.name === name)) line.fail(`family ${name} twice`)
      families.push({ name, type: '', samples: [] })
    } else if (line.takes('# TYPE ')) {
      const name = line.name(METRIC_NAME)
      const family = families.at(-1)
      if (family === undefined || family.name !== name) return line.fail('expected the family of HELP')
      line.expect(' ')
      family.type = line.rest()
    } else if (line.takes('# UNIT ')) {
      const name = line.name(METRIC_NAME)
      line.expect(' ')
      if (!name.endsWith(`_${line.rest()}`)) line.fail('expected a name that ends with the unit')
    } else {
      const sample = sampleOf(line)
      const key = JSON.stringify([sample[0], Object.entries(sample[1]).sort()])
      if (seen.has(key)) line.fail('a sample twice')
      seen.add(key)
      const family = families.at(-1) ?? { name: sample[0], type: '', samples: [] }
      if (!sample[0].startsWith(family.name)) line.fail(`expected a sample of ${family.name}`)
      family.samples.push(sample)
    }
  }
  return families
}
