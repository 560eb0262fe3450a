/**
 * The data and messages between the main thread and the workers of one count.
 *
 * @module
 */
import type { SharedFileList } from './files.js'
import type { WordRule } from './characters.js'

/** The elements of the shared counters. */
export const Element = { bytes: 0, lines: 1, words: 2, files: 3 } as const
export const ELEMENTS = Object.keys(Element).length

/** The `workerData` of each worker. */
export interface Job {
  /** The buffer of the PerCpuCounterArray to which all workers add. */
  readonly counters: SharedArrayBuffer
  readonly files: SharedFileList
  /** One Int32: the index of the next file, which the next free worker takes. */
  readonly cursor: SharedArrayBuffer
  readonly rule: WordRule
}

/** The messages of a worker: a file could not be counted, or the worker has finished. */
export type Report = { kind: 'failed'; file: number; reason: string } | { kind: 'done' }
