/**
 * Prometheus's protobuf format, length-delimited: the one that has native histograms. Numbers of fields are
 * those of `io.prometheus.client.MetricFamily`.
 *
 * @module
 */
import { ExponentialBuckets } from './buckets.js'
import type { Internals } from './internals.js'
import { type Family, type Distribution, classicBuckets, cumulate, familiesOf } from './read.js'

const TYPES = { counter: 0, gauge: 1, histogram: 4 } as const

const Wire = { varint: 0, double: 1, bytes: 2 } as const

/** About as many bytes are made before others get a turn. */
const PIECE = 16_384

/** A message in the making. */
class Message {
  readonly #bytes: number[] = []

  get length(): number {
    return this.#bytes.length
  }

  /** An unsigned integer of at most 53 bits. */
  #varint(value: number): void {
    let rest = value
    while (rest >= 128) {
      this.#bytes.push((rest % 128) + 128)
      rest = Math.floor(rest / 128)
    }
    this.#bytes.push(rest)
  }

  #tag(field: number, wire: number): void {
    this.#varint(field * 8 + wire)
  }

  unsigned(field: number, value: number): this {
    this.#tag(field, Wire.varint)
    this.#varint(value)
    return this
  }

  signed(field: number, value: number): this {
    return this.unsigned(field, value >= 0 ? 2 * value : -2 * value - 1)
  }

  double(field: number, value: number): this {
    this.#tag(field, Wire.double)
    this.#bytes.push(...new Uint8Array(Float64Array.of(value).buffer))
    return this
  }

  bytes(field: number, value: Uint8Array | readonly number[]): this {
    this.#tag(field, Wire.bytes)
    this.#varint(value.length)
    for (const byte of value) this.#bytes.push(byte)
    return this
  }

  text(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value))
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.#bytes)
  }

  /** With its length before it. */
  delimited(): Buffer {
    const length = new Message()
    length.#varint(this.#bytes.length)
    return Buffer.from([...length.#bytes, ...this.#bytes])
  }
}

/** Native buckets: runs of neighbours that hold something, and how each count differs from the one before. */
function addNative(message: Message, buckets: ExponentialBuckets, counts: readonly number[]): void {
  message
    .signed(5, buckets.schema)
    .double(6, buckets.bounds[0] as number)
    .unsigned(7, counts[0] as number)
  // Bucket 0 is the zero bucket; the last, beyond all bounds, is in the count only.
  let [previous, next, last] = [0, 0, 0]
  const spans: { offset: number; length: number }[] = []
  const deltas: number[] = []
  for (let k = 1; k < counts.length - 1; k++) {
    const count = counts[k] as number
    if (count === 0) continue
    const n = buckets.first + k
    if (spans.length === 0 || n !== next) spans.push({ offset: spans.length === 0 ? n : n - next, length: 0 })
    ;(spans[spans.length - 1] as { length: number }).length++
    deltas.push(count - previous)
    previous = count
    next = n + 1
    last = k
  }
  for (const { offset, length } of spans)
    message.message(12, new Message().signed(1, offset).unsigned(2, length))
  for (const delta of deltas) message.signed(13, delta)
  // A native histogram without observations is told from a classic one by a span of nothing.
  if (last === 0) message.message(12, new Message().signed(1, 0).unsigned(2, 0))
}

function histogramOf({ buckets, spec }: Family, { count, sum, counts }: Distribution): Message {
  const message = new Message().unsigned(1, count).double(2, sum)
  if (buckets === null) return message
  const classic = classicBuckets(buckets, spec.buckets)
  const cumulative = cumulate(classic, counts)
  for (const [k, bound] of classic.bounds.entries()) {
    message.message(3, new Message().unsigned(1, cumulative[k] as number).double(2, bound))
  }
  if (buckets instanceof ExponentialBuckets) addNative(message, buckets, counts)
  return message
}

function metricOf(family: Family, series: number, values: readonly string[]): Message {
  const { kind, labels } = family.spec
  const message = new Message()
  for (const [k, { name }] of labels.entries()) {
    message.message(1, new Message().text(1, name).text(2, values[k] as string))
  }
  if (kind === 'histogram') return message.message(7, histogramOf(family, family.distributionOf(series)))
  return message.message(kind === 'gauge' ? 2 : 3, new Message().double(1, family.valueOf(series)))
}

/** A family for as many series as make a piece; Prometheus puts families of one name together again. */
function* familyPieces(family: Family): Generator<Buffer> {
  const { name, help, kind } = family.spec
  const begin = (): Message => new Message().text(1, name).text(2, help).unsigned(3, TYPES[kind])
  let message = begin()
  let count = 0
  for (const { series, labels } of family.shown()) {
    message.message(4, metricOf(family, series, labels))
    count++
    if (message.length >= PIECE) {
      yield message.delimited()
      message = begin()
      count = 0
    }
  }
  if (count > 0) yield message.delimited()
}

/** All metrics, in pieces that are made when they are asked for. */
export function* protobufPieces(metrics: Internals): Generator<Buffer> {
  for (const family of familiesOf(metrics)) yield* familyPieces(family)
}
