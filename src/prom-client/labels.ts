/**
 * Names of metrics and labels, and the texts that identify label sets, by the rules of prom-client.
 *
 * @module
 */
import { inspect } from 'node:util'
import { UNSPEAKABLE } from '../metrics/schema.js'

/** Returns the text of a label's value: from JavaScript, it may be anything. */
export function labelText(value: unknown): string {
  return typeof value === 'string' ? value : String(value)
}

/** The values of the labels of a series, by the names of the labels. */
export type LabelValues<T extends string> = Partial<Record<T, string | number>>

/** The labels of a series without labels. */
export const NO_LABELS: Readonly<Record<string, never>> = Object.freeze({})

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** Returns whether `name` is a name of a metric in Prometheus's text format: letters, digits, `_` and `:`. */
export function validateMetricName(name: string): boolean {
  return METRIC_NAME.test(name)
}

/** Returns whether all names are names of labels. */
export function areLabelNames(names: readonly string[]): boolean {
  return names.every((name) => LABEL_NAME.test(name))
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** @throws Error if `labels` has a label that is not among `names`. */
export function checkLabels(names: readonly string[], labels: object): void {
  // Inherited labels count, as they do in prom-client.
  for (const label in labels) {
    if (names.includes(label)) continue
    throw new Error(`Added label "${label}" is not included in initial labelset: ${inspect(names)}`)
  }
}

/**
 * Returns the labels that the arguments of `labels()` give: an object, or one value for each name, in the order of the names.
 *
 * @throws Error if the number of values is not that of the names.
 */
export function labelsOf(names: readonly string[], values: readonly unknown[]): Record<string, unknown> {
  if (typeof values[0] === 'object') return (values[0] ?? {}) as Record<string, unknown>
  if (names.length !== values.length) {
    throw new Error(
      `Invalid number of arguments (${values.length}): "${values.join(', ')}" ` +
        `for label names (${names.length}): "${names.join(', ')}".`,
    )
  }
  return Object.fromEntries(names.map((name, k) => [name, values[k]]))
}

/** Returns the value of a label. It may be inherited, but not from `Object`: labels can have names such as `constructor`. */
export function labelIn(labels: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(Object.prototype, name) && !Object.hasOwn(labels, name) ? undefined : labels[name]
}

/**
 * Returns a text that two label sets share only if they are one series. `names` must be sorted. A label may be missing. U+0000 and
 * half a surrogate pair are U+FFFD, as they are in the memory that threads share.
 */
export function labelKey(names: readonly string[], labels: Readonly<Record<string, unknown>>): string {
  let key = ''
  for (const name of names) {
    const value = labelIn(labels, name)
    if (value === undefined) continue
    const text = labelText(value)
    let quoted = JSON.stringify(text)
    // JSON escapes these characters so, and few others.
    if (quoted.includes('\\u')) quoted = JSON.stringify(text.replace(UNSPEAKABLE, '\ufffd'))
    key += `${quoted}:${name},`
  }
  return key
}
