/**
 * Writes packets of the Common Trace Format: the events of one CPU, straight from the bytes of their records.
 *
 * @module
 */
import { viewOf } from '../../inspect/record-frame.js'
import {
  CUT,
  ID_MASK,
  LENGTH_BYTES,
  LENGTH_MASK,
  MISFIT,
  SIZES,
  SPAN_AT,
  elementOf,
  headBytes,
} from '../record-layout.js'
import type { FieldSpec, RecordSpec } from '../schema.js'
import { CUT_MARK } from '../read/values.js'
import type { RecordCursor } from './record-cursor.js'

const MAGIC = 0xc1fc1fc1
export const PACKET_BYTES = 2 ** 16
export const UUID_BYTES = 16
/** The CPU of the overflow ring in a packet without events. */
export const NO_CPU = 0xffffffff

const HEADER_BYTES = 4 + UUID_BYTES + 4 + 8
/** Where the context of a packet begins, and in it the size of the packet. */
const CONTEXT_AT = HEADER_BYTES
export const PACKET_SIZE_AT = CONTEXT_AT + 3 * 8
const EVENTS_AT = HEADER_BYTES + 6 * 8 + 4
/** Bytes of an event before its fields, with a span's number. */
const EVENT_BYTES = 2 + 8 + 4 + 4 + 1 + 1 + 4
/** A packet ends at a multiple of this. */
const PACKET_ALIGN = 8
/** The most bytes that a byte of a text becomes: a byte that is no UTF-8 becomes U+FFFD. */
const MOST_GROWTH = 3
const WORD = 2 ** 32

/** What is to be done with a field. Fields of a fixed size that follow each other are copied as one. */
interface Step {
  readonly kind: 'copy' | 'bool' | 'enum' | 'string' | 'elements'
  /** The number of the field. */
  readonly field: number
  /** Bytes to copy, or bytes of an element. */
  readonly size: number
  /** The most elements or bytes, or the number of an enum's texts. */
  readonly most: number
}

function stepOf({ type, most, labels }: FieldSpec, field: number): Step {
  if (type === 'string') return { kind: 'string', field, size: 1, most }
  if (type === 'bytes') return { kind: 'elements', field, size: 1, most }
  if (type === 'bool') return { kind: 'bool', field, size: 1, most }
  if (type === 'enum') return { kind: 'enum', field, size: 1, most: labels.length }
  const element = elementOf(type)
  if (element !== undefined) return { kind: 'elements', field, size: SIZES[element], most }
  return { kind: 'copy', field, size: SIZES[type as keyof typeof SIZES], most }
}

function stepsOf(fields: readonly FieldSpec[]): Step[] {
  const steps: Step[] = []
  fields.forEach((spec, k) => {
    const step = stepOf(spec, k)
    const last = steps.at(-1)
    if (step.kind === 'copy' && last?.kind === 'copy')
      steps[steps.length - 1] = { ...last, size: last.size + step.size }
    else steps.push(step)
  })
  return steps
}

/** A kind of records, prepared for writing. */
interface Kind {
  readonly headBytes: number
  readonly isSpan: boolean
  readonly steps: readonly Step[]
  /** The most bytes that the fields take beyond those of the record. */
  readonly spare: number
}

function kindOf({ phase, fields }: RecordSpec): Kind {
  return {
    headBytes: headBytes(phase),
    isSpan: phase !== 'event',
    steps: stepsOf(fields),
    spare: EVENT_BYTES + fields.length * (CUT_MARK.length * MOST_GROWTH + 1),
  }
}

/** What a packet is of. */
export interface PacketsOf {
  readonly records: readonly RecordSpec[]
  readonly uuid: Uint8Array
  /** The number of the stream, which all of its files have in common. */
  readonly instance: number
  /** The CPU; null for the overflow ring. */
  readonly cpu: number | null
}

/** What {@link PacketWriter.add} did with a record: wrote it, left it out as it is not wanted, or found that it is no event. */
export type Added = 'written' | 'unwanted' | 'foreign'

/** Makes the packets of one stream. */
export class PacketWriter {
  /** The number of events that were discarded up to the end of the packet that is written next. */
  discarded = 0
  readonly #bytes = Buffer.alloc(PACKET_BYTES)
  readonly #view = viewOf(this.#bytes)
  readonly #kinds: readonly Kind[]
  readonly #commit: (packet: Buffer) => void
  #cpu: number
  #at = EVENTS_AT
  #packets = 0
  #isEmpty = true
  /** The times of the first and of the last event, in words of 32 bits. */
  #begin = { high: 0, low: 0 }
  #end = { high: 0, low: 0 }

  /** @param commit - gets each packet. Its memory is reused when it returns. */
  constructor({ records, uuid, instance, cpu }: PacketsOf, commit: (packet: Buffer) => void) {
    this.#kinds = records.map(kindOf)
    this.#cpu = cpu ?? NO_CPU
    this.#commit = commit
    this.#view.setUint32(0, MAGIC, true)
    this.#bytes.set(uuid, 4)
    this.#view.setUint32(HEADER_BYTES - 8, instance, true)
  }

  /** Whether no event waits for its packet to be written. */
  get isEmpty(): boolean {
    return this.#isEmpty
  }

  /** How many packets were written. */
  get packets(): number {
    return this.#packets
  }

  /** Writes the record that a cursor shows. */
  add(cursor: RecordCursor, isWanted: (id: number) => boolean): Added {
    const { view, content, length, cpu, high, low } = cursor
    if (length < SPAN_AT) return 'foreign'
    const word = view.getUint32(content, true)
    const id = word & ID_MASK
    const kind = this.#kinds[id]
    if (kind === undefined || length < kind.headBytes) return 'foreign'
    const most = kind.spare + MOST_GROWTH * length
    if (!this.#isEmpty && (this.#at + most > PACKET_BYTES || cpu !== this.#cpu)) this.flush()
    const at = this.#at
    const out = this.#view
    const fieldsAt = at + EVENT_BYTES - (kind.isSpan ? 0 : 4)
    out.setUint8(at + 19, 0)
    const end = this.#fields(cursor, kind, fieldsAt, at + 19)
    if (end < 0) return 'foreign'
    if (!isWanted(id)) return 'unwanted'
    out.setUint16(at, id, true)
    out.setUint32(at + 2, low, true)
    out.setUint32(at + 6, high, true)
    out.setUint32(at + 10, view.getUint32(content + 4, true), true)
    out.setUint32(at + 14, cursor.thread, true)
    out.setUint8(at + 18, (word & MISFIT) === 0 ? 0 : 1)
    if (kind.isSpan) out.setUint32(at + 20, view.getUint32(content + SPAN_AT, true), true)
    if (this.#isEmpty) {
      this.#begin = { high, low }
      this.#cpu = cpu
      this.#isEmpty = false
    }
    this.#end.high = high
    this.#end.low = low
    this.#at = end
    return 'written'
  }

  /** Writes the fields of a record from `to` on, and which of them are cut. Returns where they end; -1 if they do not fit their kind. */
  #fields({ bytes, view, content, length }: RecordCursor, kind: Kind, to: number, cutAt: number): number {
    const target = this.#bytes
    const end = content + length
    let from = content + kind.headBytes
    let at = to
    for (const { kind: what, size, most, field } of kind.steps) {
      if (what === 'copy') {
        if (from + size > end) return -1
        for (let k = 0; k < size; k++) target[at++] = bytes[from++] as number
        continue
      }
      if (what === 'bool' || what === 'enum') {
        if (from >= end) return -1
        const value = bytes[from++] as number
        if (what === 'enum' && value >= most) return -1
        target[at++] = what === 'bool' && value > 0 ? 1 : value
        continue
      }
      if (from + LENGTH_BYTES > end) return -1
      const word = view.getUint16(from, true)
      const count = word & LENGTH_MASK
      const isCut = (word & CUT) !== 0
      from += LENGTH_BYTES
      if (count > most || from + count * size > end) return -1
      if (isCut) target[cutAt] = (target[cutAt] as number) | (1 << field)
      if (what === 'string') at = writeText(target, at, bytes, from, count, isCut)
      else {
        target[at++] = count & 0xff
        target[at++] = count >>> 8
        for (let k = 0; k < count * size; k++) target[at++] = bytes[from + k] as number
      }
      from += count * size
    }
    return from === end ? at : -1
  }

  /** Hands over the packet, and begins another one. */
  flush(): void {
    const view = this.#view
    const size = Math.ceil(this.#at / PACKET_ALIGN) * PACKET_ALIGN
    this.#bytes.fill(0, this.#at, size)
    let at = CONTEXT_AT
    const word = (low: number, high: number): void => {
      view.setUint32(at, low, true)
      view.setUint32(at + 4, high, true)
      at += 8
    }
    word(this.#begin.low, this.#begin.high)
    word(this.#end.low, this.#end.high)
    word(8 * this.#at, 0)
    word(8 * size, 0)
    word(this.#packets % WORD, Math.floor(this.#packets / WORD))
    word(this.discarded % WORD, Math.floor(this.discarded / WORD))
    view.setUint32(at, this.#cpu, true)
    this.#commit(this.#bytes.subarray(0, size))
    this.#packets++
    this.#at = EVENTS_AT
    this.#begin = { ...this.#end }
    this.#isEmpty = true
  }

  /**
   * Writes what is left. Readers find out about discarded events by a number that is higher than that of the packet before, so a
   * packet without events follows, which has that number.
   */
  end(discarded: number): void {
    if (!this.#isEmpty || (this.#packets === 0 && discarded > this.discarded)) this.flush()
    if (discarded <= this.discarded) return
    this.discarded = discarded
    this.flush()
  }
}

/** Writes a text as the format can have it: its strings end at the first zero. Returns where it ends. */
function writeText(
  target: Buffer,
  to: number,
  bytes: Buffer,
  from: number,
  count: number,
  isCut: boolean,
): number {
  let at = to
  for (let k = 0; k < count; k++) {
    const byte = bytes[from + k] as number
    if (byte === 0 || byte > 127) {
      const text = bytes.toString('utf8', from, from + count).replaceAll('\0', '\ufffd')
      at = to + target.write(text, to)
      break
    }
    target[at++] = byte
  }
  if (isCut) at += target.write(CUT_MARK, at)
  target[at++] = 0
  return at
}
