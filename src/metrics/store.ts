/**
 * Makes a buffer of metrics, or opens one in this thread.
 *
 * @module
 */
import { own } from '../runtime/disposal.js'
import { randomInt } from 'node:crypto'
import { TextDecoder, types } from 'node:util'
import { Counters } from '../counter/counters.js'
import { typeError } from '../core/errors.js'
import { fnv1a } from '../core/fnv1a.js'
import { Kind } from '../core/layout.js'
import { formatRegion, newRegionSize, openRegion } from '../runtime/region.js'
import type { HashKey } from '../core/keyed-hash.js'
import { HEADER_BYTES, HeaderWord, METRICS_MAGIC, METRICS_VERSION, type Plan, align } from './layout.js'
import type { Members, SeenMembers } from './process-columns.js'

const A_BUFFER = 'the buffer of metrics with this schema'
const decoder = new TextDecoder()
/** If the buffer's schema is longer than this thread's, the error message shows at most this many bytes more. */
const MOST_SURPLUS = 4096

/** The values of a region's counters, by their numbers. */
export interface Values {
  get(index: number): number
}

/** What readers need of a buffer of metrics: the values of its two regions, and the memory of the label tables. */
export interface ReadableStore {
  readonly buffer: SharedArrayBuffer
  readonly wholes: Values
  readonly doubles: Values
  // The random key of the hashes of label sets.
  readonly hashKey: HashKey
  // The processes that share the memory; null in memory of one process.
  readonly members: SeenMembers | null
}

/** An open buffer of metrics: its two regions, and the memory of the label tables. */
export interface Store extends ReadableStore {
  readonly wholes: Counters
  readonly doubles: Counters
  // When the metrics were made, in milliseconds since 1970.
  readonly created: number
  readonly members: Members | null
}

function headerOf(buffer: SharedArrayBuffer): Uint32Array {
  return new Uint32Array(buffer, 0, HEADER_BYTES / 4)
}

function createdIn(header: Uint32Array): Float64Array {
  return new Float64Array(header.buffer, header.byteOffset + 4 * HeaderWord.created, 1)
}

/** Returns where the region of f64 begins in memory that this machine makes, and the bytes of all: its CPUs decide. */
export function newSizes({ whole, wholes, doubles }: Plan): { doublesOffset: number; byteLength: number } {
  const doublesOffset = align(whole + newRegionSize(wholes))
  return { doublesOffset, byteLength: doublesOffset + newRegionSize(doubles, 'f64') }
}

/** Makes a buffer whose metrics are all 0. */
export function createStore(plan: Plan): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(newSizes(plan).byteLength)
  formatStore(buffer, plan)
  return buffer
}

/** Makes metrics, which are all 0, in memory that is all 0. */
export function formatStore(buffer: SharedArrayBuffer, plan: Plan): void {
  const { doublesOffset } = newSizes(plan)
  const header = headerOf(buffer)
  header[HeaderWord.magic] = METRICS_MAGIC
  header[HeaderWord.version] = METRICS_VERSION
  header[HeaderWord.hash] = fnv1a(plan.textBytes)
  header[HeaderWord.textBytes] = plan.textBytes.length
  header[HeaderWord.key] = randomInt(2 ** 32)
  header[HeaderWord.secondKey] = randomInt(2 ** 32)
  header[HeaderWord.doubles] = doublesOffset
  header[HeaderWord.processes] = plan.processes
  createdIn(header)[0] = Date.now()
  new Uint8Array(buffer, HEADER_BYTES).set(plan.textBytes)
  const format = (offset: number, length: number, element: 'i64' | 'f64'): void => {
    formatRegion(new Uint8Array(buffer, offset), Kind.counters, length, element, 'cpu')
  }
  format(plan.whole, plan.wholes, 'i64')
  format(doublesOffset, plan.doubles, 'f64')
}

/** Describes the first metric in which two schemas differ. */
function difference(ours: string, theirs: string): string {
  const [our, their] = [ours.split('\n'), theirs.split('\n')]
  const line = our.findIndex((text, k) => text !== their[k])
  const at = line === -1 ? our.length : line
  return `this thread declares ${our[at] ?? 'nothing more'}, the buffer was made with ${their[at] ?? 'nothing more'}`
}

function refuse(problem: string): never {
  throw new RangeError(`buffer: expected ${A_BUFFER}; ${problem}`)
}

/** Checks the header and the schema of a buffer, and returns a copy of the header's words. */
function checkHeader(buffer: SharedArrayBuffer, plan: Plan): Uint32Array {
  if (buffer.byteLength < HEADER_BYTES) refuse(`this one has ${buffer.byteLength} bytes`)
  const header = headerOf(buffer).slice()
  if (header[HeaderWord.magic] !== METRICS_MAGIC) refuse('this one was not made by rseq/metrics')
  if (header[HeaderWord.version] !== METRICS_VERSION) {
    refuse(`this one has layout version ${header[HeaderWord.version]}, not ${METRICS_VERSION}`)
  }
  // Decode only the beginning of a much longer schema: the beginning is enough to show that the schemas differ.
  const most = Math.min(buffer.byteLength - HEADER_BYTES, plan.textBytes.length + MOST_SURPLUS)
  const length = Math.min(header[HeaderWord.textBytes] as number, most)
  const text = decoder.decode(new Uint8Array(buffer, HEADER_BYTES, length).slice())
  if (header[HeaderWord.hash] !== fnv1a(plan.textBytes) || text !== plan.text) {
    refuse(`the schemas differ: ${difference(plan.text, text)}`)
  }
  if (header[HeaderWord.processes] !== plan.processes) refuse('its number of processes was overwritten')
  if (buffer.byteLength <= Math.max(plan.whole, header[HeaderWord.doubles] as number)) {
    refuse(`this one has ${buffer.byteLength} bytes, too few`)
  }
  return header
}

function openCounters(buffer: SharedArrayBuffer, offset: number, length: number, element: string): Counters {
  const counters = new Counters(openRegion(buffer, Kind.counters, offset))
  const { region } = counters
  if (region.length !== length || region.element !== element) refuse('its counters were overwritten')
  return counters
}

/**
 * Opens a buffer that this or another thread made.
 *
 * @param members - makes the processes' part of the store.
 * @throws TypeError if `buffer` is no SharedArrayBuffer.
 * @throws RangeError if `buffer` does not contain metrics, was made with another schema (the message names the metric that
 *   differs), or is damaged.
 */
export function openStore(
  buffer: unknown,
  plan: Plan,
  members: (buffer: SharedArrayBuffer) => Members | null = () => null,
): Store {
  if (!types.isSharedArrayBuffer(buffer))
    throw typeError('buffer', `a SharedArrayBuffer, ${A_BUFFER}`, buffer)
  const header = checkHeader(buffer, plan)
  const created = createdIn(header)[0] as number
  const now = Date.now()
  const store = {
    buffer,
    members: members(buffer),
    // A time that something overwrote, or of a clock that was set back, must not be one to come.
    created: created > 0 && created < now ? created : now,
    wholes: openCounters(buffer, plan.whole, plan.wholes, 'i64'),
    doubles: openCounters(buffer, header[HeaderWord.doubles] as number, plan.doubles, 'f64'),
    hashKey: [header[HeaderWord.key] as number, header[HeaderWord.secondKey] as number] as const,
  }
  own(store, store.wholes.region)
  own(store, store.doubles.region)
  return store
}
