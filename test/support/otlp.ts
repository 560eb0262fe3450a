/**
 * Reads OTLP requests in JSON by a protobuf library, with the names and numbers of the published `opentelemetry.proto.trace.v1`. As the
 * OTLP says, ids are hexadecimal digits where the JSON of protobuf has base64.
 *
 * @module
 */
import protobuf from 'protobufjs'

const SCHEMA = `
syntax = "proto3";
message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
message ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message InstrumentationScope {
  string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4;
}
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; fixed32 flags = 16;
  string name = 5; int32 kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9; uint32 dropped_attributes_count = 10;
}
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue {
  oneof value {
    string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
    ArrayValue array_value = 5; bytes bytes_value = 7;
  }
}
message ArrayValue { repeated AnyValue values = 1; }
`
const { root } = protobuf.parse(SCHEMA)
const REQUEST = root.lookupType('ExportTraceServiceRequest')
const IDS = { traceId: 32, spanId: 16, parentSpanId: 16 } as const

export interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  readonly start: bigint
  readonly end: bigint
  readonly attributes: Readonly<Record<string, unknown>>
  readonly resource: Readonly<Record<string, unknown>>
  readonly scope: string
}

type Json = Readonly<Record<string, unknown>>

/** Checks names and ids, and gives ids as bytes. @throws Error for a name that the message has not. */
function checked(type: protobuf.Type, given: Json): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      const field = type.fields[name]?.resolve()
      if (field === undefined) throw new Error(`${type.name} has no field ${name}`)
      if (field.repeated !== Array.isArray(value)) throw new Error(`${type.name}.${name} is no list, or one`)
      if (name in IDS) {
        const digits = IDS[name as keyof typeof IDS]
        if (!new RegExp(`^[0-9a-f]{${digits}}$`).test(String(value)) || /^0*$/.test(String(value)))
          throw new Error(`${name} is ${String(value)}`)
        return [name, Buffer.from(String(value), 'hex')]
      }
      // Wide integers are texts in JSON, and so are the doubles that JSON has not.
      if (/64$/.test(field.type) && typeof value !== 'string') throw new Error(`${name} is no text`)
      const of = field.resolvedType
      if (!(of instanceof protobuf.Type)) return [name, value === 'NaN' ? NaN : value]
      const one = (inner: unknown): unknown => checked(of, inner as Json)
      return [name, Array.isArray(value) ? value.map(one) : one(value)]
    }),
  )
}

interface AnyValue {
  readonly value?: string
  readonly arrayValue?: { readonly values?: readonly AnyValue[] }
  readonly [name: string]: unknown
}

function plain(any: AnyValue): unknown {
  if (any.value === 'arrayValue') return (any.arrayValue?.values ?? []).map(plain)
  return any.value === 'intValue' ? BigInt(String(any[any.value])) : any[any.value ?? '']
}

function attributesOf(all: readonly { key: string; value: AnyValue }[] = []): Record<string, unknown> {
  return Object.fromEntries(all.map(({ key, value }) => [key, plain(value)]))
}

/** Reads requests, one in each line: through the bytes of a message. Returns their spans, and what they say is missing. */
export function readOtlp(text: string): { spans: OtlpSpan[]; missing: string[] } {
  const spans: OtlpSpan[] = []
  const missing: string[] = []
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const message = REQUEST.fromObject(checked(REQUEST, JSON.parse(line) as Json))
    const bytes = REQUEST.encode(message).finish()
    const { resourceSpans } = REQUEST.toObject(REQUEST.decode(bytes), {
      ...{ longs: String, oneofs: true, arrays: true },
    }) as {
      resourceSpans: {
        resource: { attributes: [] }
        scopeSpans: { scope: { name: string }; spans: Json[] }[]
      }[]
    }
    for (const { resource, scopeSpans } of resourceSpans) {
      const about = attributesOf(resource.attributes)
      missing.push(...((about['rseq.missing'] as string[] | undefined) ?? []))
      for (const { scope, spans: own } of scopeSpans) {
        for (const span of own) {
          const hex = (id: unknown): string =>
            Buffer.from((id as Uint8Array | undefined) ?? []).toString('hex')
          spans.push({
            traceId: hex(span['traceId']),
            spanId: hex(span['spanId']),
            parentSpanId: hex(span['parentSpanId']),
            name: String(span['name']),
            start: BigInt(String(span['startTimeUnixNano'])),
            end: BigInt(String(span['endTimeUnixNano'])),
            attributes: attributesOf(span['attributes'] as []),
            ...{ resource: about, scope: scope.name },
          })
        }
      }
    }
  }
  return { spans, missing }
}
