/**
 * The memory of series in a file of a service (`series/layout.ts`), which all of its processes update. What a process counted
 * in a counter or a histogram is in the counters that all processes share, so it stays whatever ends the process.
 *
 * A gauge has a value for each process, in the process's column ({@link ProcessColumns}).
 *
 * @module
 */
import { randomInt } from 'node:crypto'
import { Kind, METRICS_MAGIC } from '../core/layout.js'
import { slotsFor } from '../metrics/label-table.js'
import { type JoinBy, ProcessColumns } from '../metrics/process-columns.js'
import { columnPart } from '../series/keys.js'
import {
  COLUMNS,
  COUNTS_AT,
  FILE_HEADER_BYTES,
  FILE_VERSION,
  FileHead,
  ROUNDS_AT,
  SERIES,
  WORDS_AT,
  fileTableSize,
  hashKeyOf,
  regionAfter,
} from '../series/layout.js'
import { roundNow, staleOf } from '../series/round.js'
import {
  type SharedDirectory,
  type SharedOptions,
  membership,
  openKind,
  openShared,
} from '../shared/shared-directory.js'
import { regionSpecification } from '../shared/specification.js'
import { SeriesMemory } from './series-memory.js'

/** The name of the file in the service. */
const NAME = 'prom-client'
/** Where the regions are in the file, and what the processes agree on. */
function plan() {
  const length = slotsFor(SERIES)
  const counts = regionSpecification({ kind: Kind.counters, length }, COUNTS_AT)
  const sumsAt = regionAfter(counts.bytes)
  const sums = regionSpecification({ kind: Kind.counters, length, element: 'f64' }, sumsAt)
  const headOf = (buffer: SharedArrayBuffer): Uint32Array => new Uint32Array(buffer, 0, FILE_HEADER_BYTES / 4)
  return {
    sumsAt,
    specification: {
      agreed: [
        FILE_VERSION,
        fileTableSize.keyBytes,
        fileTableSize.averageBytes ?? 0,
        ...counts.agreed,
        ...sums.agreed,
      ],
      bytes: sums.bytes,
      bytesAtFirst: Math.min(sums.bytes, counts.bytesAtFirst + sums.bytesAtFirst - sumsAt),
      scriptBytes: COUNTS_AT,
      format(buffer: SharedArrayBuffer): void {
        counts.format(buffer)
        sums.format(buffer)
        hashKeyOf(buffer, WORDS_AT, fileTableSize).set([randomInt(2 ** 32), randomInt(2 ** 32)])
        headOf(buffer).set([METRICS_MAGIC, FILE_VERSION])
      },
      isIn(buffer: SharedArrayBuffer): boolean {
        const [magic, version] = headOf(buffer)
        return magic === METRICS_MAGIC && version === FILE_VERSION && counts.isIn(buffer) && sums.isIn(buffer)
      },
    },
  }
}

/** The processes that share the memory of series, and the column of this one. */
export class ServiceMembers extends ProcessColumns {
  readonly #name: string
  readonly #options: string
  readonly #rounds: Int32Array
  readonly #head: Int32Array

  constructor(shop: SharedDirectory, options: SharedOptions, buffer: SharedArrayBuffer) {
    super(shop[membership], new Int32Array(buffer, FILE_HEADER_BYTES, COLUMNS))
    this.#name = shop.name
    this.#options = JSON.stringify(options)
    this.#head = new Int32Array(buffer, 0, FILE_HEADER_BYTES / 4)
    this.#rounds = new Int32Array(buffer, ROUNDS_AT, COLUMNS)
  }

  isOf(name: string, options: SharedOptions): boolean {
    return this.#name === name && this.#options === JSON.stringify(options)
  }

  override join(by: JoinBy, prepare: (column: number, isUsed: boolean) => void): void {
    super.join(by, (column, isUsed) => {
      prepare(column, isUsed)
      Atomics.store(this.#rounds, column, 0)
    })
  }

  /** Notes that this process has collected, or that it collects no more. */
  noteRound(isOver = false): void {
    Atomics.store(this.#rounds, this.own, isOver ? 0 : roundNow())
  }

  /** The processes that lived at the last {@link look} and do not answer: their columns, and the seconds since they did. */
  stale(): [column: number, seconds: number][] {
    return staleOf(this.living, (column) => Atomics.load(this.#rounds, column))
  }

  /** A number that grows with each registration of a metric in any process. */
  nextRegistration(): number {
    return Math.max(1, Atomics.add(this.#head, FileHead.registrations, 1) + 1)
  }
}

/**
 * Opens the series of a service; makes them if this is the first process.
 *
 * @throws the errors of `openShared` and `shop.counter`.
 */
export function openServiceMemory(name: string, options: SharedOptions): SeriesMemory {
  const { sumsAt, specification } = plan()
  const shop = openShared(name, options)
  const { buffer } = shop[openKind](
    'series',
    {
      specify: () => specification,
      from: (opened) => ({ buffer: opened, [Symbol.dispose]: () => undefined }),
    },
    NAME,
  )
  const members = new ServiceMembers(shop, options, buffer)
  const memory = new SeriesMemory(
    { buffer, offset: COUNTS_AT },
    { buffer, offset: sumsAt },
    { buffer, offset: WORDS_AT },
    fileTableSize,
    members,
  )
  members.join(shop[membership], (column, isUsed) => {
    if (!isUsed) return
    const part = columnPart(column)
    for (const [slot, [what, , , of]] of memory.keys())
      if (what === 'series' && of === part) memory.clear(slot)
  })
  return memory
}
