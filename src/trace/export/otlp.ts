/**
 * The spans of a trace as OpenTelemetry has them: requests of the OTLP in JSON, one in each line, as its file exporter writes them and
 * its collectors accept them by HTTP. Events that are no spans are left out.
 *
 * Spans with a field of the type `flow` and one value of it are one trace of OpenTelemetry; the parent of a span is the one that began
 * last among those of its trace that are open. A span without a flow is a trace of its own. Texts in the fields `trace_id`,
 * `span_id` and `parent_span_id`, in hexadecimal digits, come first.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { jsonText } from '../../core/printable.js'
import type { DecodedField, DecodedValue } from '../decoder.js'
import { type ReadEvent, type Streams, missingTexts } from '../read/events.js'
import type { ProcessTitles } from '../read/trace-file.js'
import { OpenSpans, cutOf, flowsOf, fullName, marked, spanKey } from '../read/values.js'

/** The most spans of a request. */
const BATCH = 256
const INTERNAL = 1

type Value = Readonly<Record<string, unknown>>

/** A span, as far as its beginning says. */
interface Begun {
  readonly event: ReadEvent
  readonly trace: string
  readonly id: string
  readonly parent: string
  readonly flow: bigint | undefined
  isOpen: boolean
}

function numberValue(value: number | bigint, type: string): Value {
  if (typeof value === 'number' && type.startsWith('f'))
    return { doubleValue: Number.isFinite(value) ? value : String(value) }
  // The wide integers of OTLP are signed.
  const whole = BigInt(value)
  return BigInt.asIntN(64, whole) === whole ? { intValue: String(whole) } : { stringValue: String(whole) }
}

function valueOf(value: DecodedValue, type: string): Value {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (value instanceof Uint8Array) return { bytesValue: Buffer.from(value).toString('base64') }
  if (typeof value === 'object') return { arrayValue: { values: value.map((one) => numberValue(one, type)) } }
  return numberValue(value, type)
}

function attribute(key: string, value: Value): Value {
  return { key, value }
}

function attributesOf(fields: readonly DecodedField[]): Value[] {
  return fields.map((field) => attribute(field.spec.name, valueOf(marked(field), field.spec.type)))
}

function texts(all: readonly string[]): Value {
  return { arrayValue: { values: all.map((text) => ({ stringValue: text })) } }
}

/** The value of a field with an id that the program has recorded; undefined if there is none, or if it is no such id. */
function givenId({ fields }: ReadEvent, name: string, digits: number): string | undefined {
  const value = fields.find(({ spec }) => spec.name === name)?.value
  const isId = typeof value === 'string' && value.length === digits && /^(?=.*[1-9a-f])[0-9a-f]+$/.test(value)
  return isId ? value : undefined
}

/** Makes the spans. */
class Spans {
  readonly #open = new OpenSpans<Begun>()
  /** The spans of each flow, the youngest last: that one is open. */
  readonly #flows = new Map<bigint, Begun[]>()

  begin(event: ReadEvent): void {
    const digest = createHash('sha256')
      .update(`${spanKey(event)} ${event.time}`)
      .digest('hex')
    const [flow] = flowsOf(event)
    const trace =
      flow === undefined
        ? digest.slice(0, 32)
        : createHash('sha256').update(`${flow}`).digest('hex').slice(0, 32)
    const id = givenId(event, 'span_id', 16) ?? digest.slice(32, 48)
    const siblings = flow === undefined ? [] : (this.#flows.get(flow) ?? [])
    const begun: Begun = {
      ...{ event, id, flow, isOpen: true },
      trace: givenId(event, 'trace_id', 32) ?? trace,
      parent: givenId(event, 'parent_span_id', 16) ?? siblings.at(-1)?.id ?? '',
    }
    this.#open.begin(event, begun)
    siblings.push(begun)
    if (flow !== undefined) this.#flows.set(flow, siblings)
  }

  /** The span that ends; undefined if its beginning was not seen. */
  end(event: ReadEvent): Value | undefined {
    const begun = this.#open.end(event)
    if (begun === undefined) return undefined
    begun.isOpen = false
    const { flow } = begun
    const siblings = flow === undefined ? undefined : this.#flows.get(flow)
    if (flow !== undefined && siblings !== undefined) {
      // Each span is taken away once, so this takes constant time on average, however many are open.
      while (siblings.at(-1)?.isOpen === false) siblings.pop()
      if (siblings.length === 0) this.#flows.delete(flow)
    }
    return spanOf(begun, event.time, event)
  }

  /** The spans that have not ended, with the time of the last event as their end. */
  unfinished(at: bigint): { event: ReadEvent; span: Value }[] {
    return [...this.#open.rest()].map((begun) => ({ event: begun.event, span: spanOf(begun, at) }))
  }
}

function spanOf({ event, trace, id, parent }: Begun, at: bigint, end?: ReadEvent): Value {
  const cut = [...cutOf(event), ...(end === undefined ? [] : cutOf(end))]
  const isMisfit = event.isMisfit || end?.isMisfit === true
  return {
    ...{ traceId: trace, spanId: id, ...(parent === '' ? {} : { parentSpanId: parent }) },
    ...{ name: fullName(event), kind: INTERNAL },
    ...{ startTimeUnixNano: String(event.time), endTimeUnixNano: String(at) },
    attributes: [
      ...attributesOf(event.fields),
      ...attributesOf(
        end?.fields.filter(({ spec }) => !event.fields.some((one) => one.spec.name === spec.name)) ?? [],
      ),
      attribute('thread.id', { intValue: String(event.thread) }),
      attribute('rseq.cpu', { intValue: String(event.cpu) }),
      attribute('rseq.level', { stringValue: event.spec.level }),
      ...(cut.length === 0 ? [] : [attribute('rseq.cut', texts(cut))]),
      ...(isMisfit ? [attribute('rseq.misfit', { boolValue: true })] : []),
      ...(end === undefined ? [attribute('rseq.unfinished', { boolValue: true })] : []),
    ],
  }
}

/** Collects spans to requests: those of one process and one trace are of one resource. */
class Batch {
  readonly #resources = new Map<string, { event: ReadEvent; spans: Value[] }>()
  readonly #service: string
  readonly #titles: ProcessTitles
  #count = 0

  constructor(service: string, titles: ProcessTitles) {
    this.#service = service
    this.#titles = titles
  }

  /** Adds a span. Returns a request if there are enough. */
  add(event: ReadEvent, span: Value): string {
    const key = `${event.trace.generation} ${event.slot} ${event.pid}`
    const of = this.#resources.get(key) ?? { event, spans: [] }
    of.spans.push(span)
    this.#resources.set(key, of)
    return ++this.#count < BATCH ? '' : this.take()
  }

  /** The request with all spans that were not taken; empty if there is none. */
  take(): string {
    if (this.#count === 0) return ''
    const resourceSpans = [...this.#resources.values()].map(({ event, spans }) => {
      const title = this.#titles.of(event.slot, event.pid)
      return {
        resource: {
          attributes: [
            attribute('service.name', { stringValue: this.#service }),
            attribute('process.pid', { intValue: String(event.pid) }),
            ...(title === undefined ? [] : [attribute('process.title', { stringValue: title })]),
          ],
        },
        scopeSpans: [{ scope: { name: event.trace.description.spec.name }, spans }],
      }
    })
    this.#resources.clear()
    this.#count = 0
    return `${jsonText({ resourceSpans })}\n`
  }

  /** A request without spans that says what is missing. */
  missing(all: readonly string[]): string {
    const attributes = [
      attribute('service.name', { stringValue: this.#service }),
      attribute('rseq.missing', texts(all)),
    ]
    return `${jsonText({ resourceSpans: [{ resource: { attributes }, scopeSpans: [] }] })}\n`
  }
}

/** Yields requests, one in each line. */
export function* otlpLines(
  streams: Streams,
  titles: ProcessTitles,
  { service }: { readonly service: string },
): Generator<string> {
  const spans = new Spans()
  const batch = new Batch(service, titles)
  let last = 0n
  let headless = 0
  for (const event of streams.merged()) {
    last = event.time
    if (event.spec.phase === 'begin') spans.begin(event)
    if (event.spec.phase !== 'end') continue
    const span = spans.end(event)
    if (span === undefined) headless++
    else yield batch.add(event, span)
  }
  for (const { event, span } of spans.unfinished(last)) yield batch.add(event, span)
  yield batch.take()
  const all = missingTexts(streams.streams)
  if (headless > 0) all.push(`${headless} spans have no beginning in the trace and were left out`)
  if (all.length > 0) yield batch.missing(all)
}

/**
 * Sends each request to a collector.
 *
 * @param url - such as `http://127.0.0.1:4318/v1/traces`.
 * @throws Error if the collector refuses one, or cannot be reached.
 */
export async function postLines(lines: Iterable<string>, url: string): Promise<void> {
  for (const body of lines) {
    if (body === '') continue
    const headers = { 'content-type': 'application/json' }
    let response
    try {
      response = await fetch(url, { method: 'POST', headers, body })
    } catch (error) {
      throw new Error(`out: expected the address of a collector, got ${url}, which does not answer`, {
        cause: error,
      })
    }
    const answer = await response.text()
    if (!response.ok)
      throw new Error(`out: the collector at ${url} answered ${response.status}: ${answer.slice(0, 200)}`)
    const rejected = /"rejectedSpans":\s*"?([1-9]\d*)/.exec(answer)?.[1]
    if (rejected !== undefined)
      throw new Error(`out: the collector at ${url} rejected ${rejected} spans: ${answer.slice(0, 200)}`)
  }
}
