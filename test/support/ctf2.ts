/**
 * Reads traces in the Common Trace Format, version 2, by their metadata alone: written from the specification (CTF2-SPEC-2.0), as
 * Debian's babeltrace2 2.0 does not read that version. It knows the field classes that such a trace may have here, checks that each
 * object has the properties that the specification requires and no others, and refuses everything else.
 *
 * @module
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export type Ctf2Value = number | bigint | string | boolean | readonly Ctf2Value[] | Uint8Array | Ctf2Fields
export interface Ctf2Fields {
  readonly [name: string]: Ctf2Value
}

export interface Ctf2Event {
  readonly time: bigint
  readonly name: string
  readonly context: Ctf2Fields
  readonly span: unknown
  readonly fields: Ctf2Fields
}

interface FieldClass {
  readonly type: string
  readonly length?: number
  readonly roles?: readonly string[]
  readonly mappings?: Readonly<Record<string, readonly (readonly [number, number])[]>>
  readonly 'byte-order'?: string
  readonly 'member-classes'?: readonly { readonly name: string; readonly 'field-class': FieldClass }[]
  readonly 'element-field-class'?: FieldClass
  readonly 'length-field-location'?: { readonly origin: string; readonly path: readonly string[] }
}

type Fragment = Readonly<Record<string, unknown>> & { readonly type: string }

/** For each type of object: the properties that it must have, and those that it may have. */
const PROPERTIES: Readonly<Record<string, readonly [must: readonly string[], may: readonly string[]]>> = {
  preamble: [['version'], ['uuid']],
  'trace-class': [[], ['environment', 'packet-header-field-class']],
  'clock-class': [
    ['id', 'frequency'],
    ['description', 'origin', 'offset-from-origin'],
  ],
  'data-stream-class': [
    [],
    [
      ...['id', 'default-clock-class-id', 'packet-context-field-class'],
      ...['event-record-header-field-class', 'event-record-common-context-field-class'],
    ],
  ],
  'event-record-class': [
    [],
    [
      'id',
      'data-stream-class-id',
      'name',
      'attributes',
      'specific-context-field-class',
      'payload-field-class',
    ],
  ],
  structure: [[], ['member-classes']],
  'fixed-length-unsigned-integer': [
    ['length', 'byte-order'],
    ['roles', 'mappings'],
  ],
  'fixed-length-signed-integer': [['length', 'byte-order'], ['mappings']],
  'fixed-length-boolean': [['length', 'byte-order'], []],
  'fixed-length-floating-point-number': [['length', 'byte-order'], []],
  'null-terminated-string': [[], []],
  'static-length-blob': [['length'], ['roles']],
  'dynamic-length-blob': [['length-field-location'], []],
  'dynamic-length-array': [['length-field-location', 'element-field-class'], []],
}

function check(of: object & { readonly type: string }): void {
  const [must, may] = PROPERTIES[of.type] ?? []
  if (must === undefined || may === undefined) throw new Error(`the type ${of.type} is not known`)
  const names = Object.keys(of).filter((name) => name !== 'type')
  const missing = must.filter((name) => !names.includes(name))
  const unknown = names.filter((name) => !must.includes(name) && !may.includes(name))
  if (missing.length > 0 || unknown.length > 0)
    throw new Error(`${of.type}: missing ${missing.join()}, unknown ${unknown.join()}`)
}

/** The fragments of the metadata. @throws Error if one is not what the specification says. */
export function ctf2Fragments(text: string): Fragment[] {
  const [before, ...parts] = text.split('\x1e')
  if (before !== '') throw new Error('the metadata begins without a record separator')
  const fragments = parts.map((part) => JSON.parse(part) as Fragment)
  for (const fragment of fragments) check(fragment)
  if (fragments[0]?.type !== 'preamble' || fragments[0]['version'] !== 2)
    throw new Error('there is no preamble')
  return fragments
}

/** Reads fields of a packet. */
class Fields {
  /** The values of fields with a role, by the role. */
  readonly roles = new Map<string, bigint>()
  at: number
  readonly #bytes: Buffer

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  #take(length: number): Buffer {
    const part = this.#bytes.subarray(this.at, this.at + length)
    if (part.length !== length) throw new Error('a packet ends within a field')
    this.at += length
    return part
  }

  structure(of: unknown): Ctf2Fields {
    const { 'member-classes': members = [] } = of as FieldClass
    check(of as FieldClass)
    const values: Record<string, Ctf2Value> = {}
    for (const { name, 'field-class': one } of members) {
      if (name in values) throw new Error(`the name ${name} is there twice`)
      values[name] = this.#value(one, values)
    }
    return values
  }

  #value(of: FieldClass, siblings: Readonly<Record<string, Ctf2Value>>): Ctf2Value {
    check(of)
    const { type, length = 0, 'length-field-location': location } = of
    const count = (): number => {
      const { origin, path } = location as NonNullable<typeof location>
      const [name = '', ...rest] = path
      if (origin !== 'event-record-payload' || rest.length > 0) throw new Error(`another origin: ${origin}`)
      const found = siblings[name]
      if (typeof found !== 'bigint') throw new Error(`the length ${name} was not read yet`)
      return Number(found)
    }
    switch (type) {
      case 'null-terminated-string': {
        const end = this.#bytes.indexOf(0, this.at)
        const text = this.#take(end - this.at).toString('utf8')
        this.at++
        return text
      }
      case 'static-length-blob':
        return Uint8Array.from(this.#take(length))
      case 'dynamic-length-blob':
        return Uint8Array.from(this.#take(count()))
      case 'dynamic-length-array':
        return Array.from({ length: count() }, () => this.#value(of['element-field-class'] as FieldClass, {}))
      default:
        return this.#scalar(of)
    }
  }

  #scalar({ type, length = 0, roles = [], mappings, 'byte-order': order }: FieldClass): Ctf2Value {
    if (order !== 'little-endian' || length % 8 !== 0) throw new Error(`${type}: ${String(order)}, ${length}`)
    const part = this.#take(length / 8)
    if (type === 'fixed-length-floating-point-number')
      return length === 32 ? part.readFloatLE(0) : part.readDoubleLE(0)
    let value = 0n
    for (const byte of [...part].reverse()) value = (value << 8n) | BigInt(byte)
    if (type === 'fixed-length-boolean') return value !== 0n
    if (type === 'fixed-length-signed-integer') return BigInt.asIntN(length, value)
    for (const role of roles) this.roles.set(role, value)
    if (mappings === undefined) return value
    const found = Object.entries(mappings).find(([, ranges]) =>
      ranges.some(([least, most]) => value >= BigInt(least) && value <= BigInt(most)),
    )
    if (found === undefined) throw new Error(`no label has the number ${value}`)
    return found[0]
  }
}

/** Reads one trace. Returns its events in the order of their times, and how many were discarded. */
export function readCtf2(directory: string): { events: Ctf2Event[]; discarded: bigint } {
  const fragments = ctf2Fragments(readFileSync(join(directory, 'metadata'), 'utf8'))
  const one = (type: string): Fragment => {
    const all = fragments.filter((fragment) => fragment.type === type)
    if (all.length !== 1) throw new Error(`there are ${all.length} of the type ${type}`)
    return all[0] as Fragment
  }
  const [trace, clock, stream] = [one('trace-class'), one('clock-class'), one('data-stream-class')]
  if (clock['frequency'] !== 1e9 || clock['origin'] !== 'unix-epoch') throw new Error('another clock')
  if (stream['default-clock-class-id'] !== clock['id']) throw new Error('the stream has no clock')
  const events: Ctf2Event[] = []
  let discarded = 0n
  for (const name of readdirSync(directory)) {
    if (name === 'metadata') continue
    const bytes = readFileSync(join(directory, name))
    let last = 0n
    for (let begin = 0; begin < bytes.length;) {
      const packet = new Fields(bytes, begin)
      const { uuid } = packet.structure(trace['packet-header-field-class'])
      if (packet.roles.get('packet-magic-number') !== 0xc1fc1fc1n)
        throw new Error('a packet has another magic number')
      if (!Buffer.from(uuid as Uint8Array).equals(Buffer.from(one('preamble')['uuid'] as number[])))
        throw new Error('a packet is of another trace')
      packet.structure(stream['packet-context-field-class'])
      const role = (of: string): bigint => packet.roles.get(of) ?? -1n
      const [from, to] = [role('default-clock-timestamp'), role('packet-end-default-clock-timestamp')]
      const end = begin + Number(role('packet-content-length')) / 8
      last = role('discarded-event-record-counter-snapshot')
      while (packet.at < end) {
        const header = new Fields(bytes, packet.at)
        header.structure(stream['event-record-header-field-class'])
        const id = Number(header.roles.get('event-record-class-id') ?? -1n)
        const time = header.roles.get('default-clock-timestamp') ?? -1n
        if (time < from || time > to) throw new Error('an event is not within the times of its packet')
        const context = header.structure(stream['event-record-common-context-field-class'])
        const kind = fragments.find(
          (fragment) => fragment.type === 'event-record-class' && fragment['id'] === id,
        )
        if (kind === undefined) throw new Error(`no event has the number ${id}`)
        const specific = kind['specific-context-field-class']
        const span = specific === undefined ? undefined : header.structure(specific)['span']
        const fields = header.structure(kind['payload-field-class'])
        events.push({ time, name: String(kind['name']), context, span, fields })
        packet.at = header.at
      }
      if (packet.at !== end) throw new Error('an event goes beyond its packet')
      begin += Number(role('packet-total-length')) / 8
    }
    discarded += last
  }
  return { events: events.sort((a, b) => Number(a.time - b.time)), discarded }
}
