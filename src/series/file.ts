/**
 * Reads the file of a service with the series of `rseq/prom-client`, from outside: by system calls that read, without the native
 * library. Every byte may be wrong: what is read is checked, on a copy.
 *
 * @module
 */
import { Element, METRICS_MAGIC, regionSize } from '../core/layout.js'
import { FileView, type RegionView, Unreadable, openRegionView } from '../inspect/index.js'
import { LabelTable, slotsFor } from '../metrics/label-table.js'
import { type SharedMetric, columnOf, identity, metricOf, pairsOf } from './keys.js'
import {
  COLUMNS,
  COUNTS_AT,
  FILE_HEADER_BYTES,
  FILE_VERSION,
  FileHead,
  LIVE,
  ROUNDS_AT,
  SERIES,
  WORDS_AT,
  fileTableSize,
  planOfWords,
  regionAfter,
} from './layout.js'
import { type Sums, sumsOf } from './sums.js'
import { copyTable } from './table.js'

const WORD = 8
const SLOTS = slotsFor(SERIES)
const PLAN = planOfWords(fileTableSize)

/** One number of a series. */
export interface SeenNumber {
  readonly slot: number
  readonly part: string
  /** The column of the process that has it; -1 if all processes share it. */
  readonly column: number
  readonly labels: readonly (readonly [name: string, value: string])[]
  readonly isShown: boolean
}

/** A metric that some process has registered, with the number of its last registration: greater for a later one. */
export interface SeenMetric {
  readonly metric: SharedMetric
  readonly registration: number
}

/** What is in a file at one time. */
export interface SeriesLook {
  readonly metrics: readonly SeenMetric[]
  /** The numbers by {@link identity} of their metrics. */
  readonly numbers: ReadonlyMap<string, readonly SeenNumber[]>
  /** The notes of the processes that have columns, and of their last rounds, by the columns. */
  readonly columns: ReadonlyMap<number, { readonly note: number; readonly round: number }>
  /** The values of whole numbers and of others. */
  readonly counts: Sums
  readonly sums: Sums
  /** The values of gauges that were set to an infinity or to no number; 0 for others. */
  readonly specials: Float64Array
}

/** A file with series, which is read again and again. */
export class SeriesFile {
  readonly #file: FileView
  readonly #keys: (readonly string[] | undefined)[] = []
  #counts: RegionView | undefined
  #sums: RegionView | undefined

  /** @throws Unreadable if it is no regular file; an error of `node:fs` if there is none. */
  constructor(path: string) {
    this.#file = new FileView(path)
  }

  /** The number of the file, which a file that takes its name later does not have. */
  get inode(): number {
    return this.#file.stats.ino
  }

  /**
   * Reads all. O(room for series × allocated shards).
   *
   * @param byShard - whether the parts of the shards are wanted.
   * @throws Unreadable if the file holds something else, or is damaged.
   */
  read(byShard = false): SeriesLook {
    this.#file.refresh()
    this.#checkHeader()
    this.#counts = openRegionView(this.#file, COUNTS_AT, this.#counts)
    const { kind, element, shards, length } = this.#counts
    const sumsAt = regionAfter(COUNTS_AT + regionSize(kind, element, shards, length))
    this.#sums = openRegionView(this.#file, sumsAt, this.#sums)
    const states = this.#int32(WORDS_AT + PLAN.states, SLOTS)
    return {
      ...this.#decode(states),
      columns: this.#columns(),
      counts: sumsOf(this.#counts, Element.i64, SLOTS, byShard),
      sums: sumsOf(this.#sums, Element.f64, SLOTS, byShard),
      specials: new Float64Array(this.#copy(WORDS_AT + PLAN.specials, SLOTS * WORD)),
    }
  }

  #checkHeader(): void {
    const head = this.#int32(0, FILE_HEADER_BYTES / 4)
    if (head[FileHead.magic] !== METRICS_MAGIC) throw new Unreadable('does not hold metrics')
    const version = head[FileHead.version] as number
    if (version !== FILE_VERSION)
      throw new Unreadable(
        `was made by layout version ${version} of metrics; this release reads ${FILE_VERSION}`,
      )
  }

  #copy(at: number, bytes: number): ArrayBuffer {
    return new Uint8Array(this.#file.read(at, bytes)).buffer
  }

  #int32(at: number, words: number): Int32Array {
    return new Int32Array(this.#copy(at, words * 4))
  }

  #columns(): SeriesLook['columns'] {
    const notes = this.#int32(FILE_HEADER_BYTES, COLUMNS)
    const rounds = this.#int32(ROUNDS_AT, COLUMNS)
    const all = Array.from(notes, (note, column) => ({ column, note, round: rounds[column] as number }))
    return new Map(all.filter(({ note }) => note !== 0).map(({ column, ...rest }) => [column, rest]))
  }

  #table(): LabelTable {
    const copy = new SharedArrayBuffer(PLAN.specials)
    copyTable(this.#file, WORDS_AT, fileTableSize, copy, 0)
    return new LabelTable(copy, 0, fileTableSize, [0, 0])
  }

  #decode(states: Int32Array): Pick<SeriesLook, 'metrics' | 'numbers'> {
    const table = this.#table()
    const metrics: SeenMetric[] = []
    const numbers = new Map<string, SeenNumber[]>()
    for (let slot = 0; slot < SLOTS; slot++) {
      const key = (this.#keys[slot] ??= table.textsOf(slot) ?? undefined)
      if (key === undefined) continue
      const state = states[slot] as number
      const metric = metricOf(key)
      if (metric !== null) metrics.push({ metric, registration: state })
      const [what, scope = '', name = '', part = '', ...pairs] = key
      if (what !== 'series') continue
      const id = identity(scope, name)
      const all = numbers.get(id) ?? []
      all.push({ slot, part, column: columnOf(part), labels: pairsOf(pairs), isShown: state === LIVE })
      numbers.set(id, all)
    }
    return { metrics, numbers }
  }

  close(): void {
    this.#file.close()
  }
}
