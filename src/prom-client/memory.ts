/**
 * The memory of the series that all threads of the process share, or all processes of a service.
 *
 * The first thread that loads this module makes the memory. Workers that it starts later get it by Node's environment data,
 * and hand it down to the Workers that they start. A thread that got none makes memory of its own. If the environment variable
 * RSEQ_SHARE names a service, or {@link shareMemory} is called, the memory is a file of that service (service-memory.ts).
 *
 * Each number of a series has a slot, which a text key identifies; {@link LabelTable} maps keys to slots. Counter `slot` of
 * `counts` (i64) and of `sums` (f64) hold the number, so adding to it is one restartable sequence. `states[slot]` says whether
 * the series is shown. `specials[slot]` holds the value of a gauge that was set to an infinity or to no number; otherwise 0.
 *
 * @module
 */
import { randomInt } from 'node:crypto'
import { basename, dirname } from 'node:path'
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'
import { types } from 'node:util'
import { environmentVariable } from '../core/runtime.js'
import { newCounters } from '../counter/counters.js'
import type { SharedOptions } from '../shared/index.js'
import { SERIES, hashKeyOf, planOfWords, tableSize } from '../series/layout.js'
import { SeriesMemory } from './series-memory.js'
import { openServiceMemory } from './service-memory.js'
import { slotsFor } from '../metrics/label-table.js'

/** The keys in Node's environment data; the number of the first one changes with the layout of {@link SharedParts}. */
const ENVIRONMENT = 'rseq/prom-client 2'
const SERVICE = 'rseq/prom-client service'

interface SharedParts {
  readonly counts: SharedArrayBuffer
  readonly sums: SharedArrayBuffer
  readonly table: SharedArrayBuffer
}

/** A service, as {@link shareMemory} was given it. */
interface Service {
  readonly name: string
  readonly options: SharedOptions
}

function isParts(value: unknown): value is SharedParts {
  const parts = (value ?? {}) as Readonly<Record<string, unknown>>
  return ['counts', 'sums', 'table'].every((part) => types.isSharedArrayBuffer(parts[part]))
}

function makeParts(): SharedParts {
  const slots = slotsFor(SERIES)
  const table = new SharedArrayBuffer(planOfWords(tableSize).bytes)
  hashKeyOf(table, 0, tableSize).set([randomInt(2 ** 32), randomInt(2 ** 32)])
  return { counts: newCounters(slots, {}), sums: newCounters(slots, { type: 'f64' }), table }
}

function openParts({ counts, sums, table }: SharedParts): SeriesMemory {
  const words = { buffer: table, offset: 0 }
  return new SeriesMemory({ buffer: counts, offset: 0 }, { buffer: sums, offset: 0 }, words, tableSize)
}

/** The service that the thread that started this one shares, or that the environment names. */
function serviceOfEnvironment(): Service | undefined {
  const given = getEnvironmentData(SERVICE) as Service | undefined
  if (given !== undefined) return given
  const named = environmentVariable('RSEQ_SHARE')
  if (named === '') return undefined
  const options = named.includes('/') ? { directory: dirname(named) } : {}
  return { name: basename(named), options }
}

function openMemory(): SeriesMemory {
  const service = serviceOfEnvironment()
  if (service !== undefined) return openServiceMemory(service.name, service.options)
  const given: unknown = getEnvironmentData(ENVIRONMENT)
  if (isParts(given)) return openParts(given)
  const parts = makeParts()
  setEnvironmentData(ENVIRONMENT, parts)
  return openParts(parts)
}

/** The memory of this thread's shared series. {@link shareMemory} may replace it before there is a series in it. */
export let memory: SeriesMemory = openMemory()

/**
 * Puts the series of this thread, and of the Workers that it starts from now on, into a file of a service.
 *
 * @throws Error if a metric was made already; the errors of `openShared`.
 */
export function shareMemory(name: string, options: SharedOptions): void {
  if (memory.service?.isOf(name, options) === true) return
  if (memory.published > 0 || memory.service !== null) {
    throw new Error('share: expected a call before the first metric is made, and for one service only')
  }
  memory = openServiceMemory(name, options)
  setEnvironmentData(SERVICE, { name, options })
}
