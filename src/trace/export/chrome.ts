/**
 * Chrome's trace event format (JSON), which chrome://tracing, Perfetto and many other viewers open. Times are microseconds since the
 * first event; `otherData` has its time. Spans are asynchronous events, as spans of one thread may overlap.
 *
 * @module
 */
import { jsonText } from '../../core/printable.js'
import type { ReadEvent, Streams } from '../read/events.js'
import { missingTexts } from '../read/events.js'
import { threadNameOf } from '../read/thread-name.js'
import type { ProcessTitles } from '../read/trace-file.js'
import { OpenSpans, fullName, marked, plain, spanKey } from '../read/values.js'
import type { Counters } from './counters.js'

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

/** Yields the events that name a process and a thread, where they are new or have other names. */
function* namesOf(event: ReadEvent, titles: ProcessTitles, known: Map<string, string>): Generator<string> {
  const { pid, slot, thread } = event
  const names = { process_name: titles.of(slot, pid), thread_name: threadNameOf(event) }
  for (const [what, name] of Object.entries(names)) {
    const key = what === 'process_name' ? `${pid}` : `${pid} ${thread}`
    if (name === undefined || known.get(key) === name) continue
    known.set(key, name)
    const tid = what === 'process_name' ? {} : { tid: thread }
    yield jsonText({ ph: 'M', name: what, pid, ...tid, args: { name } })
  }
}

export function* chromeJson(
  streams: Streams,
  titles: ProcessTitles,
  { counters }: { readonly counters: Counters },
): Generator<string> {
  const spans = new OpenSpans<true>()
  const named = new Map<string, string>()
  let start: bigint | undefined
  let separator = ''
  yield '{"displayTimeUnit":"ns","traceEvents":[\n'
  for (const event of streams.merged()) {
    const { spec, trace, time, cpu, pid, thread, fields, isMisfit } = event
    start ??= time
    for (const name of namesOf(event, titles, named)) {
      yield `${separator}${name}`
      separator = ',\n'
    }
    const args = Object.fromEntries(fields.map((field) => [field.spec.name, plain(marked(field))]))
    const of = { cat: trace.description.spec.name, pid, tid: thread }
    const lines = [
      {
        name: fullName(event),
        ...of,
        ...phaseOf(event, spans),
        // A field may have one of these names.
        args: { level: spec.level, cpu, ...(isMisfit ? { misfit: true } : {}), ...args },
      },
      // The id keeps the counters of two threads apart.
      ...counters
        .of(event)
        .map(({ name, value }) => ({ name, ...of, ph: 'C', id: thread, args: { value: Number(value) } })),
    ]
    for (const line of lines) {
      yield `${separator}${jsonText(line).slice(0, -1)},"ts":${micros(time - start)}}`
      separator = ',\n'
    }
  }
  const otherData = { tool: 'rseq', startTime: String(start ?? 0n), missing: missingTexts(streams.streams) }
  yield `\n],"otherData":${jsonText(otherData)}}\n`
}
