/**
 * The beginning of a file with metrics, for readers that do not know the schema.
 *
 * @module
 */
import { checkInteger } from '../core/errors.js'
import type { HashKey } from '../core/keyed-hash.js'
import { SLOTS } from '../core/service-files.js'
import { checkSchema } from './check-schema.js'
import { HEADER_BYTES, HeaderWord, METRICS_MAGIC, METRICS_VERSION, type Plan } from './layout.js'
import { type Layouts, layoutsOf } from './layouts.js'
import { schemaOf } from './schema-text.js'

/** A longer schema is not one of this package. */
const MOST_TEXT = 1 << 22

/** What the beginning of a file says. Every number may be any number. */
export interface FileHead {
  readonly processes: number
  /** The text of its schema. */
  readonly text: string
  /** The offset of the region of f64. */
  readonly doubles: number
  readonly hashKey: HashKey
  /** When the metrics were made, in milliseconds since 1970. */
  readonly created: number
}

/**
 * Returns what the beginning of a file says; undefined if this release does not know its layout.
 *
 * @param read - returns bytes of the file; undefined if it has not so many.
 */
export function headOf(read: (at: number, length: number) => Buffer | undefined): FileHead | undefined {
  const bytes = read(0, HEADER_BYTES)
  if (bytes === undefined) return undefined
  const word = (at: number): number => bytes.readUInt32LE(4 * at)
  const length = word(HeaderWord.textBytes)
  const isKnown = word(HeaderWord.magic) === METRICS_MAGIC && word(HeaderWord.version) === METRICS_VERSION
  const text = isKnown && length <= MOST_TEXT ? read(HEADER_BYTES, length) : undefined
  if (text === undefined) return undefined
  return {
    processes: word(HeaderWord.processes),
    text: text.toString(),
    doubles: word(HeaderWord.doubles),
    hashKey: [word(HeaderWord.key), word(HeaderWord.secondKey)],
    created: bytes.readDoubleLE(4 * HeaderWord.created),
  }
}

/** The layout of a file. */
export interface FileLayout {
  readonly layouts: Layouts
  readonly plan: Plan
}

/**
 * Returns the layout to which the beginning of a file leads. Its schema is checked like one that a program declares.
 *
 * @returns undefined if the text is not the one that this release writes for its schema.
 * @throws an Error of any kind if the text is none of a schema, or if there cannot be so many processes.
 */
export function layoutInFile({ text, processes }: FileHead): FileLayout | undefined {
  const layouts = layoutsOf(checkSchema(schemaOf(text), new Set()))
  const plan = layouts.planFor(checkInteger('processes', processes, 1, SLOTS))
  return plan.text === text ? { layouts, plan } : undefined
}
