/**
 * What the main thread and the workers of one count tell each other.
 *
 * @module
 */
import type { SharedFileList } from './files.js'
import type { WordRule } from './characters.js'

/** What is counted, as elements of the shared counters. */
export const Element = { bytes: 0, lines: 1, words: 2, files: 3 } as const
export const ELEMENTS = Object.keys(Element).length

/** The `workerData` of each worker. */
export interface Job {
  /** Of the PerCpuCounterArray that all workers add to. */
  readonly counters: SharedArrayBuffer
  readonly files: SharedFileList
  /** One Int32: the next file to be taken, by whoever is free. */
  readonly cursor: SharedArrayBuffer
  readonly rule: WordRule
}

/** What a worker posts: that a file could not be counted, or that it is through. */
export type Report = { kind: 'failed'; file: number; reason: string } | { kind: 'done' }
