/**
 * The memory of metrics in a file of a service, which all of its processes update.
 *
 * A file outlives the program that made it: metrics of other schemas with the same name are other generations, side by side.
 * Each file contains its schema, so a reader adds up what the metrics of all generations have in common.
 *
 * @module
 */
import { closeSync, readSync } from 'node:fs'
import { Kind } from '../core/layout.js'
import { serviceOf, isNoteAlive, processNote } from '../runtime/mapping.js'
import { regionSpecification, type Specification } from '../shared/specification.js'
import {
  type Membership,
  type SharedDirectory,
  type SharedMetricsOptions,
  membership,
  openKind,
} from '../shared/shared-directory.js'
import { types } from 'node:util'
import { checkInteger } from '../core/errors.js'
import { UNPRINTABLE } from '../core/printable.js'
import { checkOptions } from '../core/options.js'
import { SLOTS } from '../core/service-files.js'
import { dispose } from '../runtime/disposal.js'
import { type Internals, alone } from './internals.js'
import { openFile } from '../shared/files.js'
import { type FileHead, headOf, layoutInFile } from './file-head.js'
import { HEADER_BYTES, HeaderWord, METRICS_VERSION, type MetricPlan, type Plan } from './layout.js'
import type { Layouts } from './layouts.js'
import { type Members, ProcessColumns } from './process-columns.js'
import { type Store, formatStore, newSizes, openStore } from './store.js'

const DEFAULT_PROCESSES = 32

/** What processes agree on that share metrics of this plan. */
function specificationOf(plan: Plan): Specification {
  const { doublesOffset, byteLength } = newSizes(plan)
  const wholes = regionSpecification({ kind: Kind.counters, length: plan.wholes }, plan.whole)
  const doubles = regionSpecification(
    { kind: Kind.counters, length: plan.doubles, element: 'f64' },
    doublesOffset,
  )
  return {
    agreed: [METRICS_VERSION, plan.processes, plan.text],
    bytes: byteLength,
    bytesAtFirst: Math.min(byteLength, wholes.bytesAtFirst + doubles.bytesAtFirst - doublesOffset),
    scriptBytes: plan.whole,
    format(buffer) {
      formatStore(buffer, plan)
    },
    // Opening the store has compared everything.
    isIn: () => true,
  }
}

function columnsIn(buffer: SharedArrayBuffer, plan: Plan): Int32Array {
  return new Int32Array(buffer, plan.columns, plan.processes)
}

function membersIn(buffer: SharedArrayBuffer, plan: Plan, columns: ProcessColumns): Members {
  return { columns, count: plan.processes, states: new Uint8Array(buffer, plan.states, plan.stateCount) }
}

/** The processes of a memory that this one only reads. */
function readersMembers(membership: Membership, plan: Plan) {
  return (buffer: SharedArrayBuffer): Members =>
    membersIn(buffer, plan, new ProcessColumns(membership, columnsIn(buffer, plan)))
}

/**
 * The processes of a memory, as a thread sees them that has got the buffer from another thread of its process.
 *
 * @throws RangeError if no thread of this process has opened it by the service's directory.
 */
export function threadsMembers(plan: Plan) {
  return (buffer: SharedArrayBuffer): Members => {
    const service = serviceOf(buffer)
    const columns = new ProcessColumns(
      { livingNotes: (notes) => new Set(notes.filter((note) => isNoteAlive(service, note))) },
      columnsIn(buffer, plan),
    )
    if (service === 0 || !columns.find(processNote(service)))
      throw new RangeError(
        'buffer: expected the buffer of metrics that a thread of this process has opened by the method metrics() of a ' +
          'SharedDirectory, got the buffer of metrics of other processes',
      )
    return membersIn(buffer, plan, columns)
  }
}

/** Takes a column for this process. Clears the gauges that a dead process has left there. */
function join({ members, wholes, doubles }: Store, plan: Plan, membership: Membership): void {
  if (members === null) return
  const { count, states, columns } = members
  const clear = (
    { stateBase, series, wholeStride, wholeBase, doubleBase }: MetricPlan,
    column: number,
  ): void => {
    for (let cell = column; cell < series * count; cell += count) {
      if (states[stateBase + cell] === 0) continue
      if (wholeStride === 0) doubles.set(doubleBase + cell, 0)
      else wholes.set(wholeBase + cell, 0)
      states[stateBase + cell] = 0
    }
  }
  columns.join(membership, (column, isUsed) => {
    if (!isUsed) return
    for (const metric of plan.metrics) if (metric.stateBase !== -1) clear(metric, column)
  })
}

/** Reads the beginning of a file; undefined if the file is gone, or if this release does not know its layout. */
function readHead(path: string, trustOtherUsers: boolean): FileHead | undefined {
  const file = openFile(path, trustOtherUsers)
  if (file === undefined) return undefined
  try {
    return headOf((at, length) => {
      const bytes = Buffer.alloc(length)
      return readSync(file, bytes, 0, length, at) === length ? bytes : undefined
    })
  } finally {
    closeSync(file)
  }
}

/** Which metrics are opened. */
interface Wanted {
  readonly service: SharedDirectory
  readonly name: string
  readonly options: SharedMetricsOptions
}

/** Opens metrics of a service; makes them if this is the first process. */
export function openInternals(layouts: Layouts, { service, name, options }: Wanted): Internals {
  const { processes = DEFAULT_PROCESSES } = checkOptions('options', options, ['processes'])
  const plan = layouts.planFor(checkInteger('processes', processes, 1, SLOTS))
  const members = service[membership]
  const { store } = service[openKind](
    'metrics',
    {
      specify: () => specificationOf(plan),
      from: (buffer) => ({
        store: openStore(buffer, plan, readersMembers(members, plan)),
        [Symbol.dispose]: () => undefined,
      }),
    },
    name,
  )
  try {
    join(store, plan, members)
  } catch (error) {
    dispose(store)
    throw error
  }
  const others = new Generations(members, name, plan)
  return { ...layouts.open(store, plan), others: () => others.look() }
}

/** The other generations of metrics, as this thread has them open. */
class Generations {
  readonly #members: Membership
  readonly #name: string
  readonly #plan: Plan
  /** Null for files that this release cannot read, and for that of the metrics themselves. */
  readonly #known = new Map<string, Internals | null>()

  constructor(members: Membership, name: string, plan: Plan) {
    this.#members = members
    this.#name = name
    this.#plan = plan
  }

  /** Returns those that there are now. O(files of the service), with a system call. */
  look(): readonly Internals[] {
    const paths = this.#members.generations(this.#name, 'metrics')
    for (const path of this.#known.keys()) if (!paths.includes(path)) this.#known.delete(path)
    for (const path of paths) if (!this.#known.has(path)) this.#known.set(path, this.#open(path))
    return [...this.#known.values()].filter((one) => one !== null)
  }

  #open(path: string): Internals | null {
    try {
      const head = readHead(path, this.#members.trustOtherUsers)
      const isOwn = head?.text === this.#plan.text && head.processes === this.#plan.processes
      return head === undefined || isOwn ? null : this.#openFile(path, head)
    } catch (error) {
      const text = `${path} is left out of the metrics: ${String(error).replace(UNPRINTABLE, '\ufffd')}`
      process.emitWarning(text, 'RseqMetricsWarning')
      return null
    }
  }

  #openFile(path: string, head: FileHead): Internals | null {
    const layout = layoutInFile(head)
    if (layout === undefined) return null
    const { layouts, plan } = layout
    const buffer = this.#members.map(path, { bytes: newSizes(plan).byteLength, scriptBytes: plan.whole })
    if (buffer === undefined) return null
    const store = openStore(buffer, plan, readersMembers(this.#members, plan))
    return alone(layouts.open(store, plan))
  }
}

/** Returns for how many processes a buffer was made; 0 if it has the memory of one process, or is no buffer of metrics. */
export function processesIn(buffer: unknown): number {
  if (!types.isSharedArrayBuffer(buffer) || buffer.byteLength < HEADER_BYTES) return 0
  const header = new Uint32Array(buffer, 0, HEADER_BYTES / Uint32Array.BYTES_PER_ELEMENT)
  return Math.min(header[HeaderWord.processes] as number, SLOTS)
}
