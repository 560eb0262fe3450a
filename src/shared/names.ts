/**
 * The names of services and objects, and the names of their files. Needs no backend.
 *
 * @module
 */
import { rangeError, typeError } from '../core/errors.js'
import { type FileName, partsOf } from '../core/service-files.js'

const LONGEST_NAME = 100
const EXPECTED = `a name of 1 to ${LONGEST_NAME} letters, digits, '_', '-' and single dots between them`
const NAME = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/

// `kinds.ts` has a row for each, except for `events`, `series` and `metrics`, which are defined by the layers above: `src/trace/`,
// `src/prom-client/` and `src/metrics/`.
/** The kinds of objects, as they appear in file names. */
export const KINDS = [
  'counter',
  'counters',
  'ring',
  'stack',
  'list',
  'pool',
  'array',
  'histogram',
  'map',
  'mutex',
  'cpuLock',
  'events',
  'series',
  'metrics',
] as const
/**
 * The kind of a shared object, such as `'counter'`, `'counters'` for an array of counters, `'events'` for the definition of a
 * trace, `'series'` for metrics of `rseq/prom-client`, or `'metrics'` for those of `rseq/metrics`.
 */
export type SharedKind = (typeof KINDS)[number]

/** Returns `name`. @throws TypeError, RangeError if `name` cannot be the name of a service or an object. */
export function checkName(argument: string, name: unknown): string {
  if (typeof name !== 'string') throw typeError(argument, EXPECTED, name)
  if (name.length > LONGEST_NAME || !NAME.test(name)) throw rangeError(argument, EXPECTED, name)
  return name
}

/** Splits a file name into its parts; returns undefined if the file is not one of an object of these kinds. */
export function parseFileName(file: string): (FileName & { readonly kind: SharedKind }) | undefined {
  const parts = partsOf(file)
  const kind = KINDS.find((one) => one === parts?.kind)
  return parts === undefined || kind === undefined ? undefined : { ...parts, kind }
}
