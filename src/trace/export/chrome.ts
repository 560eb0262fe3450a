/**
 * Chrome's trace event format (JSON), which chrome://tracing, Perfetto and many other viewers open. Times are microseconds since the
 * first event; `otherData` has its time. Spans are asynchronous events, as spans of one thread may overlap.
 *
 * @module
 */
import { jsonText } from '../../core/printable.js'
import type { ReadEvent, Streams } from '../read/events.js'
import { missingTexts } from '../read/events.js'
import type { ProcessTitles } from '../read/trace-file.js'
import { OpenSpans, fullName, marked, plain, spanKey } from '../read/values.js'

/** Microseconds with three decimals, exactly. */
function micros(nanoseconds: bigint): string {
  const text = nanoseconds.toString().padStart(4, '0')
  return `${text.slice(0, -3)}.${text.slice(-3)}`
}

function phaseOf(event: ReadEvent, spans: OpenSpans<true>): Record<string, unknown> {
  const { spec } = event
  if (spec.phase === 'begin') {
    spans.begin(event, true)
    return { ph: 'b', id: spanKey(event) }
  }
  // The beginning of a span may have been overwritten. Its end is then shown as an event.
  const isEnd = spec.phase === 'end' && spans.end(event) === true
  return isEnd ? { ph: 'e', id: spanKey(event) } : { ph: 'i', s: 't' }
}

export function* chromeJson(streams: Streams, titles: ProcessTitles): Generator<string> {
  const spans = new OpenSpans<true>()
  const named = new Set<number>()
  let start: bigint | undefined
  let separator = ''
  yield '{"displayTimeUnit":"ns","traceEvents":[\n'
  for (const event of streams.merged()) {
    const { spec, trace, time, cpu, pid, slot, thread, fields, isMisfit } = event
    start ??= time
    if (!named.has(pid)) {
      named.add(pid)
      const name = titles.of(slot, pid)
      if (name !== undefined) {
        yield `${separator}${jsonText({ ph: 'M', name: 'process_name', pid, args: { name } })}`
        separator = ',\n'
      }
    }
    const args = Object.fromEntries(fields.map((field) => [field.spec.name, plain(marked(field))]))
    const line = jsonText({
      name: fullName(event),
      cat: trace.description.spec.name,
      ...phaseOf(event, spans),
      ...{
        pid,
        tid: thread,
        // A field may have one of these names.
        args: { level: spec.level, cpu, ...(isMisfit ? { misfit: true } : {}), ...args },
      },
    })
    yield `${separator}${line.slice(0, -1)},"ts":${micros(time - start)}}`
    separator = ',\n'
  }
  const otherData = { tool: 'rseq', startTime: String(start ?? 0n), missing: missingTexts(streams.streams) }
  yield `\n],"otherData":${jsonText(otherData)}}\n`
}
