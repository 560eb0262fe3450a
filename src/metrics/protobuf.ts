/**
 * Writes metrics in Prometheus's length-delimited protobuf format, the only format with native histograms. The numbers of
 * fields are those of `io.prometheus.client.MetricFamily`.
 *
 * @module
 */
import { Message } from '../core/protobuf.js'
import { ExponentialBuckets } from './buckets.js'
import { type NameEscaping, escapeName } from './names.js'
import { endsBefore } from './pieces.js'
import { type Distribution, type ExposedFamily, classicBuckets, cumulate } from './read.js'
import { SeriesCache } from './series-cache.js'

const TYPES = { counter: 0, gauge: 1, summary: 2, histogram: 4 } as const

/** Adds the native buckets: spans of neighbouring buckets that are not empty, and each count minus the count before it. */
function addNative(message: Message, buckets: ExponentialBuckets, counts: readonly number[]): void {
  message
    .signed(5, buckets.schema)
    .double(6, buckets.bounds[0] as number)
    .unsigned(7, counts[0] as number)
  // Bucket 0 is the zero bucket. The last bucket, above all bounds, is included in the histogram's count only.
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
  // A span of length 0 marks a histogram without observations as a native one.
  if (last === 0) message.message(12, new Message().signed(1, 0).unsigned(2, 0))
}

function histogramOf({ buckets, spec }: ExposedFamily, { count, sum, counts }: Distribution): Message {
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

/** The fields of the labels of each series. */
const knownLabels = new SeriesCache<Message>()

function labelFields(
  { spec }: ExposedFamily,
  values: readonly (string | undefined)[],
  escaping: NameEscaping,
): Message {
  const fields = new Message()
  for (const [k, { name }] of spec.labels.entries()) {
    const value = values[k]
    if (value === undefined) continue
    fields.message(1, new Message().text(1, escapeName(name, 'label', escaping)).text(2, value))
  }
  return fields
}

function metricOf(family: ExposedFamily, series: number, labels: Message): Message {
  const { kind } = family.spec
  const message = new Message().append(labels)
  if (kind === 'summary') {
    const { count, sum } = family.distributionOf(series)
    return message.message(4, new Message().unsigned(1, count).double(2, sum))
  }
  if (kind === 'histogram') return message.message(7, histogramOf(family, family.distributionOf(series)))
  return message.message(kind === 'gauge' ? 2 : 3, new Message().double(1, family.valueOf(series)))
}

/**
 * Yields messages for a family, each of about one piece. Prometheus joins families that have one name. A piece without
 * series is empty.
 */
function* familyPieces(family: ExposedFamily, escaping: NameEscaping): Generator<Buffer> {
  const { name, help, kind, unit } = family.spec
  const begin = (): Message => {
    const head = new Message()
      .text(1, escapeName(name, 'metric', escaping))
      .text(2, help)
      .unsigned(3, TYPES[kind])
    return unit === '' ? head : head.text(5, unit)
  }
  const known = knownLabels.of(family.metric, escaping)
  let message = begin()
  let count = 0
  for (let series = 0; series < family.series; series++) {
    if (endsBefore(series, message.length)) {
      yield count === 0 ? Buffer.alloc(0) : message.delimited()
      message = begin()
      count = 0
    }
    let fields = known[series]
    if (fields === undefined) {
      const labels = family.labelsOf(series)
      if (labels === null) continue
      fields = labelFields(family, labels, escaping)
      known[series] = fields
    }
    if (!family.isShown(series)) continue
    message.message(4, metricOf(family, series, fields))
    count++
  }
  if (count > 0) yield message.delimited()
}

/** Yields all metrics in pieces. Each piece is made when it is requested. */
export function* protobufPieces(
  families: readonly ExposedFamily[],
  escaping: NameEscaping,
): Generator<Buffer> {
  for (const family of families) yield* familyPieces(family, escaping)
}
