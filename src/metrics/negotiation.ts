/**
 * Chooses the format and the compression of an answer from the headers of a request, by RFC 9110, section 12.5.
 *
 * @module
 */
import { ESCAPINGS, type NameEscaping } from './names.js'

/** The format of exposed metrics. Only `protobuf` has native histograms; the other formats show classic ones. */
export type ExpositionFormat = 'prometheus' | 'openmetrics' | 'protobuf'

/** What a client accepts best. */
export interface Negotiated {
  readonly format: ExpositionFormat
  readonly escaping: NameEscaping
  /** The content type of the answer. */
  readonly contentType: string
}

/** One element of the header `Accept`, or of `Accept-Encoding`, which has no parameters. */
interface Range {
  /** Such as `text/plain` or `*` + `/*`, in small letters. */
  readonly name: string
  readonly parameters: ReadonlyMap<string, string>
  /** 0, not acceptable, to 1. */
  readonly quality: number
}

interface Offer {
  readonly format: ExpositionFormat
  readonly type: string
  /** The parameters that define the offer. A range with another value does not include it. */
  readonly defining: Readonly<Record<string, string>>
  readonly rest: string
}

/** All that can be answered, the richest format first. */
const OFFERS: readonly Offer[] = [
  {
    format: 'protobuf',
    type: 'application/vnd.google.protobuf',
    defining: { proto: 'io.prometheus.client.MetricFamily', encoding: 'delimited' },
    rest: '',
  },
  ...['1.0.0', '0.0.1'].map((version): Offer => ({
    format: 'openmetrics',
    type: 'application/openmetrics-text',
    defining: { version },
    rest: '; charset=utf-8',
  })),
  ...['0.0.4', '1.0.0'].map((version): Offer => ({
    format: 'prometheus',
    type: 'text/plain',
    defining: { version },
    rest: '; charset=utf-8',
  })),
]

/** The answer to a client that says nothing, or accepts nothing that can be answered: any client can show plain text. */
const PLAIN_TEXT = OFFERS.find(({ format }) => format === 'prometheus') as Offer

/** A list element up to the next comma outside of quotation marks, and a part of one up to the next semicolon. */
const ELEMENT = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g
const PART = /(?:[^;"]|"(?:[^"\\]|\\.)*"?)+/g

/** Headers are at most 16 KiB in Node; more elements than this are not worth reading. */
const MOST_RANGES = 100

function rangesOf(header: string): Range[] {
  return (header.match(ELEMENT) ?? []).slice(0, MOST_RANGES).map((element) => {
    const [name = '', ...parts] = (element.match(PART) ?? []).map((part) => part.trim())
    const parameters = new Map<string, string>()
    for (const part of parts) {
      const at = part.indexOf('=')
      if (at < 0) continue
      const value = part.slice(at + 1).trim()
      const isQuoted = value.startsWith('"')
      parameters.set(
        part.slice(0, at).trim().toLowerCase(),
        isQuoted ? value.slice(1, -1).replaceAll(/\\(.)/g, '$1') : value,
      )
    }
    const q = parameters.get('q')
    return { name: name.toLowerCase(), parameters, quality: q === undefined ? 1 : qualityOf(q) }
  })
}

/** Returns the number of a weight; 0 if it is none, as nothing is known of such an element. */
function qualityOf(text: string): number {
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Number(text) : 0
}

/** How precisely a range names an offer: 0 not at all, 1 by `*`, 2 by its type's first half, 3 by its type, 4 and more by parameters. */
function precisionOf(range: Range, offer: Offer): number {
  if (range.name === '*/*') return 1
  if (range.name === `${offer.type.split('/')[0] as string}/*`) return 2
  if (range.name !== offer.type) return 0
  let named = 0
  for (const [key, value] of Object.entries(offer.defining)) {
    const wanted = range.parameters.get(key)
    if (wanted === undefined) continue
    if (wanted !== value) return 0
    named++
  }
  return 3 + named
}

function escapingOf(range: Range | undefined): NameEscaping | undefined {
  const wanted = range?.parameters.get('escaping')
  return ESCAPINGS.find((one) => one === wanted)
}

function answerOf({ format, type, defining, rest }: Offer, range?: Range): Negotiated {
  const parameters = Object.entries(defining).map(([key, value]) => `; ${key}=${value}`)
  const escaping = escapingOf(range)
  return {
    format,
    escaping: escaping ?? 'underscores',
    contentType: `${type}${parameters.join('')}${rest}${escaping === undefined ? '' : `; escaping=${escaping}`}`,
  }
}

/**
 * Returns what a client accepts best: the offer with the highest weight, which the most precise range decides. Among equals,
 * an offer that the client names goes before one that only a wildcard includes; then the richest format. If only wildcards
 * are left, or nothing that can be answered is acceptable, the answer is plain text.
 */
export function negotiate(accept: string | undefined): Negotiated {
  if (accept === undefined) return answerOf(PLAIN_TEXT)
  const ranges = rangesOf(accept)
  let best: { offer: Offer; range: Range; isNamed: boolean } | null = null
  for (const offer of OFFERS) {
    const precise = ranges
      .map((range) => ({ range, precision: precisionOf(range, offer) }))
      .filter(({ precision }) => precision > 0)
      .reduce<{ range: Range; precision: number } | null>(
        (most, one) => (most === null || one.precision > most.precision ? one : most),
        null,
      )
    if (precise === null || precise.range.quality === 0) continue
    const { range, precision } = precise
    const isNamed = precision > 2
    const isBetter =
      best === null ||
      range.quality > best.range.quality ||
      (range.quality === best.range.quality && isNamed && !best.isNamed)
    if (isBetter) best = { offer, range, isNamed }
  }
  if (best === null) return answerOf(PLAIN_TEXT)
  return best.isNamed ? answerOf(best.offer, best.range) : answerOf(PLAIN_TEXT)
}

/** Returns whether a client accepts gzip, and no less than no compression. */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  if (acceptEncoding === undefined) return false
  const ranges = rangesOf(acceptEncoding)
  const weightOf = (...names: string[]): number | undefined =>
    ranges.find(({ name }) => names.includes(name))?.quality
  const gzip = weightOf('gzip', 'x-gzip') ?? weightOf('*') ?? 0
  return gzip > 0 && gzip >= (weightOf('identity') ?? 0)
}
