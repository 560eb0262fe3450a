/**
 * Where the series of `rseq/prom-client` are: in the memory of one process, and in a file of a service.
 *
 *     the words:   | label table | specials | states | key of the table's hash |
 *
 *     the file:
 *     0        64        4160     8256
 *     +--------+---------+--------+-------+---------------+---------------+
 *     | header | columns | rounds | words | region of i64 | region of f64 |
 *     +--------+---------+--------+-------+---------------+---------------+
 *
 * A column is the note that names a process (`native/percpu/service.h`); its round says when the process last collected (round.ts).
 *
 * @module
 */
import { type TableSize, slotsFor, tableBytes } from '../metrics/label-table.js'

/** A histogram takes a slot for each bucket, everything else takes one slot. */
export const SERIES = 16_384
/** The longest key in bytes. A series with a longer one is counted by its thread alone. */
const KEY_BYTES = 512
/** The key of the table's hash has 64 bits. */
const KEY_WORDS = 2
/** The size of the table in a process's own memory, of which the kernel allocates what is used. */
export const tableSize: TableSize = { series: SERIES, keyBytes: KEY_BYTES }
/** The size in a file: what is allocated on tmpfs is used memory, so there is room for keys of this size on average. */
export const fileTableSize: TableSize = { ...tableSize, averageBytes: 160 }
/** The value of `states` for a series that is shown. Any other value hides the series. */
export const LIVE = 1

/** Rounds up to a multiple of `unit`. */
function align(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit
}

/** Byte offsets of the parts of the words, and the bytes of all. */
export interface WordsPlan {
  readonly specials: number
  readonly states: number
  readonly hashKey: number
  readonly bytes: number
}

export function planOfWords(size: TableSize): WordsPlan {
  const slots = slotsFor(size.series)
  const specials = align(tableBytes(size), 8)
  const states = specials + slots * 8
  const hashKey = align(states + slots * 4, 8)
  return { specials, states, hashKey, bytes: hashKey + KEY_WORDS * 4 }
}

/** The random key of the table's hash, which clients must not know. */
export function hashKeyOf(buffer: SharedArrayBuffer, offset: number, size: TableSize): Uint32Array {
  return new Uint32Array(buffer, offset + planOfWords(size).hashKey, KEY_WORDS)
}

/** The version of the layout of the file. */
export const FILE_VERSION = 2
/** The words of the file's header. */
export const FileHead = { magic: 0, version: 1, registrations: 2 } as const
export const FILE_HEADER_BYTES = 64
/** The most processes that have gauges at one time: each has a column. */
export const COLUMNS = 1024
/** Where the rounds begin in the file. */
export const ROUNDS_AT = FILE_HEADER_BYTES + COLUMNS * Int32Array.BYTES_PER_ELEMENT
/** Where the words begin in the file. */
export const WORDS_AT = ROUNDS_AT + COLUMNS * Int32Array.BYTES_PER_ELEMENT

/** Where a region begins that follows `bytes` bytes of the file. */
export function regionAfter(bytes: number): number {
  return align(bytes, 128)
}

/** Where the region of i64 begins in the file. */
export const COUNTS_AT = regionAfter(WORDS_AT + planOfWords(fileTableSize).bytes)
