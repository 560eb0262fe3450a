/**
 * A buffer of metrics, made or opened in this thread.
 *
 * @module
 */
import { randomInt } from 'node:crypto'
import { types } from 'node:util'
import { Counters } from '../counters.js'
import { typeError } from '../errors.js'
import { Kind } from '../layout.js'
import { formatRegion, openRegion } from '../region.js'
import { Arena } from './label-table.js'
import { HEADER_BYTES, HeaderWord, METRICS_MAGIC, METRICS_VERSION, type Plan } from './layout.js'

const A_BUFFER = 'the buffer of metrics with this schema'
const decoder = new TextDecoder()

/** FNV-1a of the schema's text: two schemas differ, says the first look. */
function hashOf(bytes: Uint8Array): number {
  return bytes.reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5) >>> 0
}

/** What is open: both regions, and the memory of the label tables. */
export interface Store {
  readonly buffer: SharedArrayBuffer
  readonly wholes: Counters
  readonly doubles: Counters
  readonly arena: Arena
  /** Of the hashes of label sets. */
  readonly seed: number
}

function headerOf(buffer: SharedArrayBuffer): Uint32Array {
  return new Uint32Array(buffer, 0, HEADER_BYTES / 4)
}

/** A new buffer: everything is at 0. */
export function createStore(plan: Plan): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(plan.byteLength)
  const header = headerOf(buffer)
  header[HeaderWord.magic] = METRICS_MAGIC
  header[HeaderWord.version] = METRICS_VERSION
  header[HeaderWord.hash] = hashOf(plan.textBytes)
  header[HeaderWord.textBytes] = plan.textBytes.length
  header[HeaderWord.seed] = randomInt(2 ** 32)
  header[HeaderWord.doubles] = plan.doublesOffset
  new Uint8Array(buffer, HEADER_BYTES).set(plan.textBytes)
  const format = (offset: number, length: number, element: 'i64' | 'f64'): void => {
    formatRegion(new Uint8Array(buffer, offset), Kind.counters, length, element, 'cpu')
  }
  format(plan.whole, plan.wholes, 'i64')
  format(plan.doublesOffset, plan.doubles, 'f64')
  return buffer
}

/** In which metric two schemas differ: the first line that is not the same. */
function difference(ours: string, theirs: string): string {
  const [our, their] = [ours.split('\n'), theirs.split('\n')]
  const line = our.findIndex((text, k) => text !== their[k])
  const at = line === -1 ? our.length : line
  return `this thread declares ${our[at] ?? 'nothing more'}, the buffer was made with ${their[at] ?? 'nothing more'}`
}

function refuse(problem: string): never {
  throw new RangeError(`buffer: expected ${A_BUFFER}; ${problem}`)
}

/** The header's words, once they and the schema are what they should be. */
function checkHeader(buffer: SharedArrayBuffer, plan: Plan): Uint32Array {
  if (buffer.byteLength < HEADER_BYTES) refuse(`this one has ${buffer.byteLength} bytes`)
  const header = headerOf(buffer).slice()
  if (header[HeaderWord.magic] !== METRICS_MAGIC) refuse('this one was not made by rseq/metrics')
  if (header[HeaderWord.version] !== METRICS_VERSION) {
    refuse(`this one has layout version ${header[HeaderWord.version]}, not ${METRICS_VERSION}`)
  }
  const most = buffer.byteLength - HEADER_BYTES
  const length = Math.min(header[HeaderWord.textBytes] as number, most)
  const text = decoder.decode(new Uint8Array(buffer, HEADER_BYTES, length).slice())
  if (header[HeaderWord.hash] !== hashOf(plan.textBytes) || text !== plan.text) {
    refuse(`the schemas differ: ${difference(plan.text, text)}`)
  }
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
 * @throws TypeError if it is no SharedArrayBuffer.
 * @throws RangeError if it was made with another schema, naming the metric, or by something else.
 */
export function openStore(buffer: unknown, plan: Plan): Store {
  if (!types.isSharedArrayBuffer(buffer))
    throw typeError('buffer', `a SharedArrayBuffer, ${A_BUFFER}`, buffer)
  const header = checkHeader(buffer, plan)
  return {
    buffer,
    wholes: openCounters(buffer, plan.whole, plan.wholes, 'i64'),
    doubles: openCounters(buffer, header[HeaderWord.doubles] as number, plan.doubles, 'f64'),
    arena: new Arena(buffer, plan.arena, plan.arenaBytes),
    seed: header[HeaderWord.seed] as number,
  }
}
