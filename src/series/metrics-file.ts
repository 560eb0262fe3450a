/**
 * Reads the file of a service with metrics of `rseq/metrics`, from outside: by system calls that read, without the native library
 * and without the schema, which the file holds. Every byte may be wrong: what is read is checked, on a copy.
 *
 * @module
 */
import { Element } from '../core/layout.js'
import { FileView, type RegionView, Unreadable, openRegionView } from '../inspect/index.js'
import { type FileHead, type FileLayout, headOf, layoutInFile } from '../metrics/file-head.js'
import type { Opened } from '../metrics/internals.js'
import type { Plan } from '../metrics/layout.js'
import type { ReadableStore } from '../metrics/store.js'
import { type Sums, partOf, sumsOf } from './sums.js'
import { copyTable } from './table.js'

/** The most counters of a file that are read: half a gigabyte of sums. A sparse file may have room for far more. */
const MOST_COUNTERS = 2 ** 26
/** The most characters that are told of what is wrong with a schema. */
const MOST_REASON = 200

/** The metrics of a file at one time. */
export interface MetricsFileLook {
  readonly opened: Opened
  /** When they were made, in milliseconds since 1970. */
  readonly created: number
  /** The part of each CPU in them, and that of the overflow shard last; empty unless they were asked for. */
  readonly byShard: readonly Opened[]
}

/** What the beginning of a file leads to. */
interface Layout extends FileLayout {
  readonly head: FileHead
}

/** @throws Unreadable if the text is none of a schema, or if the schema does not fit. */
function layoutOf(head: FileHead): Layout {
  try {
    const layout = layoutInFile(head)
    if (layout !== undefined) return { head, ...layout }
  } catch (error) {
    const reason = String(error).slice(0, MOST_REASON)
    throw new Unreadable(`has a schema that was overwritten (${reason})`)
  }
  throw new Unreadable('has a schema that was overwritten, or that another release wrote')
}

/** A file with metrics, which is read again and again. */
export class MetricsFile {
  readonly #file: FileView
  #layout: Layout | undefined
  #wholes: RegionView | undefined
  #doubles: RegionView | undefined

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
   * @param isByShard - whether the parts of the shards are wanted.
   * @param isLiving - whether the process of a note lives.
   * @throws Unreadable if the file holds something else, or is damaged.
   */
  read(isByShard: boolean, isLiving: (note: number) => boolean): MetricsFileLook {
    this.#file.refresh()
    const { layouts, plan, head } = this.#newLayout()
    if (plan.wholes + plan.doubles > MOST_COUNTERS)
      throw new Unreadable(`has ${plan.wholes + plan.doubles} counters; the most is ${MOST_COUNTERS}`)
    this.#wholes = openRegionView(this.#file, plan.whole, this.#wholes)
    this.#doubles = openRegionView(this.#file, head.doubles, this.#doubles)
    const wholes = sumsOf(this.#wholes, Element.i64, plan.wholes, isByShard)
    const doubles = sumsOf(this.#doubles, Element.f64, plan.doubles, isByShard)
    const buffer = this.#copy(plan)
    const columns = new Int32Array(buffer, plan.columns, plan.processes)
    const living = [...columns.keys()].filter((column) => {
      const note = columns[column] as number
      return note !== 0 && isLiving(note)
    })
    const members = {
      columns: { own: -1, living },
      count: plan.processes,
      states: new Uint8Array(buffer, plan.states, plan.stateCount),
    }
    const store = { buffer, members, hashKey: head.hashKey, ...valuesOf(wholes.totals, doubles.totals) }
    const opened = layouts.open(store, plan)
    const byShard = shardsOf(wholes, doubles).map((parts) => ({
      ...opened,
      store: { ...store, ...valuesOf(...parts) },
    }))
    return { opened, created: head.created, byShard }
  }

  #newLayout(): Layout {
    const head = headOf((at, length) => this.#file.read(at, length))
    if (head === undefined)
      throw new Unreadable('does not hold metrics of rseq/metrics, or those of another layout version')
    const last = this.#layout?.head
    const isLast =
      last?.text === head.text && last.processes === head.processes && last.doubles === head.doubles
    if (!isLast) this.#layout = layoutOf(head)
    return this.#layout as Layout
  }

  /** Copies the columns, the label tables and the states to where the plan has them. */
  #copy(plan: Plan): SharedArrayBuffer {
    const { metrics, columns, processes, states, stateCount, whole } = plan
    if (this.#file.stats.size < whole)
      throw new Unreadable('is shorter than its schema says: it was truncated')
    const memory = new SharedArrayBuffer(whole)
    const bytes = new Uint8Array(memory)
    bytes.set(this.#file.read(columns, processes * Int32Array.BYTES_PER_ELEMENT), columns)
    bytes.set(this.#file.read(states, stateCount), states)
    for (const { spec, table, tableSize } of metrics)
      if (spec.labels.length > 0) copyTable(this.#file, table, tableSize, memory, table)
    return memory
  }

  close(): void {
    this.#file.close()
  }
}

function valuesOf(
  wholes: Float64Array | undefined,
  doubles: Float64Array | undefined,
): Pick<ReadableStore, 'wholes' | 'doubles'> {
  return { wholes: { get: (i) => wholes?.[i] ?? 0 }, doubles: { get: (i) => doubles?.[i] ?? 0 } }
}

/** The parts of each shard in two regions, that of the overflow shard last. A shard that a region has not allocated has no part there. */
function shardsOf(
  { shards: wholes }: Sums,
  { shards: doubles }: Sums,
): (readonly [Float64Array | undefined, Float64Array | undefined])[] {
  const shards = Math.max(wholes.length, doubles.length) - 1
  if (shards < 0) return []
  return Array.from({ length: shards + 1 }, (_, shard) => [
    partOf(wholes, shard, shards),
    partOf(doubles, shard, shards),
  ])
}
