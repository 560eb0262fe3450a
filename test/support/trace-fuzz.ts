/**
 * Schemas and values of traces by chance, and what a reader must get.
 *
 * @module
 */
import type { DecodedValue, EventsSchema, Field } from '../../lib/trace/index.js'

/** A generator of numbers from 0 to `below` - 1: equal seeds give equal numbers. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % below
  }
}

const INTEGERS = { u8: [0, 255], u16: [0, 65535], u32: [0, 2 ** 32 - 1], i8: [-128, 127] } as const
const SIGNED = { i16: [-(2 ** 15), 2 ** 15 - 1], i32: [-(2 ** 31), 2 ** 31 - 1] } as const
const RANGES: Readonly<Record<string, readonly [number, number]>> = { ...INTEGERS, ...SIGNED }
const SCALARS = [...Object.keys(RANGES), 'u64', 'i64', 'f32', 'f64', 'flow'] as const
const LABELS = ['idle', 'zwei Wörter', '"quoted" \\ text', '日本']
const TEXTS = ['', 'plain', 'ein längerer Text – mit Strichen', '日本語', '😀😀', 'x'.repeat(100), '\u0001\t']

type Random = (below: number) => number

function scalarOf(type: string, random: Random): number | bigint {
  const range = RANGES[type]
  if (range !== undefined) {
    const [least, most] = range
    return [least, most, 0, least + random(most - least + 1)][random(4)] ?? 0
  }
  const wide = (BigInt(random(2 ** 32)) << 32n) | BigInt(random(2 ** 32))
  if (type === 'u64' || type === 'flow') return [0n, 2n ** 64n - 1n, wide][random(3)] ?? 0n
  if (type === 'i64') return [-(2n ** 63n), 2n ** 63n - 1n, BigInt.asIntN(64, wide)][random(3)] ?? 0n
  const doubles = [0, -0, 1.5, -1e300, Number.MIN_VALUE, Infinity, -Infinity, random(2 ** 31) / 7]
  const value = doubles[random(doubles.length)] ?? 0
  return type === 'f32' ? Math.fround(value) : value
}

/** The longest beginning of a text that has at most `most` bytes in UTF-8. */
function cutText(text: string, most: number): string {
  let kept = ''
  for (const character of text) {
    if (Buffer.byteLength(kept + character) > most) break
    kept += character
  }
  return kept
}

/** A field by chance; `valueOf` gives a value for it, what a reader gets, and whether that is cut. */
export interface RandomField {
  readonly field: Field
  readonly valueOf: () => {
    readonly given: unknown
    readonly expected: DecodedValue
    readonly isCut: boolean
  }
}

export function randomField(random: Random): RandomField {
  const kind = random(8)
  const scalar = SCALARS[random(SCALARS.length)] ?? 'u8'
  switch (kind) {
    case 0:
      return {
        field: 'bool',
        valueOf: () => {
          const given = random(2) === 1
          return { given, expected: given, isCut: false }
        },
      }
    case 1:
      return {
        field: { enum: LABELS },
        valueOf: () => {
          const given = LABELS[random(LABELS.length)] ?? ''
          return { given, expected: given, isCut: false }
        },
      }
    case 2: {
      const most = 1 + random(60)
      return {
        field: { type: 'string', most },
        valueOf: () => {
          const given = TEXTS[random(TEXTS.length)] ?? ''
          const expected = cutText(given, most)
          return { given, expected, isCut: expected !== given }
        },
      }
    }
    case 3: {
      const most = 1 + random(20)
      return {
        field: { type: 'bytes', most },
        valueOf: () => {
          const given = Uint8Array.from({ length: random(25) }, () => random(256))
          return { given, expected: given.slice(0, most), isCut: given.length > most }
        },
      }
    }
    case 4: {
      const most = 1 + random(6)
      // There are no arrays of flows.
      const element = scalar === 'flow' ? 'u64' : scalar
      return {
        field: { type: `${element as 'u8'}[]`, most },
        valueOf: () => {
          const given = Array.from({ length: random(9) }, () => scalarOf(element, random))
          return { given, expected: given.slice(0, most), isCut: given.length > most }
        },
      }
    }
    default:
      return {
        field: scalar as 'u8',
        valueOf: () => {
          const given = scalarOf(scalar, random)
          return { given, expected: given, isCut: false }
        },
      }
  }
}

/** A trace by chance: for each event the fields of its beginning and of its end. */
export interface RandomEvent {
  readonly name: string
  readonly isSpan: boolean
  readonly fields: readonly RandomField[]
  readonly end: readonly RandomField[]
}

export function randomEvents(random: Random): { events: readonly RandomEvent[]; schema: EventsSchema } {
  const fieldsOf = (): RandomField[] => Array.from({ length: random(9) }, () => randomField(random))
  const events = Array.from({ length: 1 + random(6) }, (_, k) => {
    const isSpan = random(3) === 0
    return { name: `event${k}`, isSpan, fields: fieldsOf(), end: isSpan ? fieldsOf() : [] }
  })
  const named = (fields: readonly RandomField[]): Record<string, Field> =>
    Object.fromEntries(fields.map(({ field }, k) => [`field${k}`, field]))
  const schema = Object.fromEntries(
    events.map(({ name, isSpan, fields, end }) => [
      name,
      isSpan ? { kind: 'span' as const, fields: named(fields), end: named(end) } : { fields: named(fields) },
    ]),
  )
  return { events, schema }
}

/** A record that was made, and what a reader must get. */
export interface Written {
  readonly event: string
  readonly phase: 'event' | 'begin' | 'end'
  readonly values: Readonly<Record<string, DecodedValue>>
  readonly cut: readonly string[]
}

type AnyCall = (...values: unknown[]) => unknown

/** Records an event of a trace by chance, by position or by name; a span with its end. */
export function writeOne(trace: object, event: RandomEvent, random: Random): Written[] {
  const call = (of: AnyCall, fields: readonly RandomField[], phase: Written['phase']): [unknown, Written] => {
    const all = fields.map(({ valueOf }) => valueOf())
    const byName = Object.fromEntries(all.map(({ given }, k) => [`field${k}`, given]))
    const result = random(2) === 0 && all.length > 0 ? of(byName) : of(...all.map(({ given }) => given))
    return [
      result,
      {
        ...{ event: event.name, phase },
        values: Object.fromEntries(all.map(({ expected }, k) => [`field${k}`, expected])),
        cut: all.flatMap(({ isCut }, k) => (isCut ? [`field${k}`] : [])),
      },
    ]
  }
  const method = (trace as Record<string, AnyCall>)[event.name] as AnyCall
  const [end, first] = call(method, event.fields, event.isSpan ? 'begin' : 'event')
  return event.isSpan ? [first, call(end as AnyCall, event.end, 'end')[1]] : [first]
}
