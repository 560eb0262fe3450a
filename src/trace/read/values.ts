/**
 * Values and names, as the formats show them.
 *
 * @module
 */
import type { DecodedField, DecodedValue } from '../decoder.js'
import type { ReadEvent } from './events.js'

/** Stands at the end of a text that was cut. */
export const CUT_MARK = '…'

/** A value that JSON can have: bigints and numbers that are not finite become texts, bytes become base64. */
export type Plain = number | string | boolean | readonly (number | string)[]

function plainNumber(value: number | bigint): number | string {
  return typeof value === 'number' && Number.isFinite(value) ? value : String(value)
}

export function plain(value: DecodedValue): Plain {
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number' || typeof value === 'bigint') return plainNumber(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return value.map(plainNumber)
}

/** A field's value with {@link CUT_MARK} if it is a text that was cut. */
export function marked({ value, isCut }: DecodedField): DecodedValue {
  return isCut && typeof value === 'string' ? value + CUT_MARK : value
}

/** The flows of an event: the values of its fields of the type `flow`, without 0, which is none. */
export function flowsOf({ fields }: ReadEvent): bigint[] {
  return fields.flatMap(({ spec, value }) => (spec.type === 'flow' && value !== 0n ? [value as bigint] : []))
}

/** The name of an event with its trace, such as `shop:request`. */
export function fullName({ trace, spec }: ReadEvent): string {
  return `${trace.description.spec.name}:${spec.event}`
}

/** The names of the fields that were cut. */
export function cutOf({ fields }: ReadEvent): string[] {
  return fields.filter(({ isCut }) => isCut).map(({ spec }) => spec.name)
}

/** Names a span among those of all threads of a service. */
export function spanKey({ trace, slot, pid, thread, span }: ReadEvent): string {
  return `${trace.generation} ${slot} ${pid} ${thread} ${span}`
}

/** The most spans that are remembered as open: those that never end are forgotten, the oldest first. */
const MOST_OPEN = 100_000

/** Remembers which spans are open, with something for each. */
export class OpenSpans<Kept> {
  readonly #open = new Map<string, Kept>()

  begin(event: ReadEvent, kept: Kept): void {
    if (this.#open.size >= MOST_OPEN) {
      for (const oldest of this.#open.keys()) {
        this.#open.delete(oldest)
        break
      }
    }
    this.#open.set(spanKey(event), kept)
  }

  /** Ends a span. Returns undefined if its beginning was not seen. */
  end(event: ReadEvent): Kept | undefined {
    const key = spanKey(event)
    const kept = this.#open.get(key)
    this.#open.delete(key)
    return kept
  }

  /** What is kept of the spans that are open, the oldest first. */
  rest(): IterableIterator<Kept> {
    return this.#open.values()
  }
}
