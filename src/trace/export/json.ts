/**
 * JSON lines: one object for each event, in the order of their times; at the end one for each CPU of which something is missing.
 *
 * @module
 */
import { jsonText } from '../../core/printable.js'
import type { ReadEvent, Streams } from '../read/events.js'
import type { ProcessTitles } from '../read/trace-file.js'
import { cutOf, plain } from '../read/values.js'

/** An event as a plain object. */
export function plainEvent(event: ReadEvent, titles: ProcessTitles): Record<string, unknown> {
  const { spec, trace, time, cpu, pid, slot, thread, span, isMisfit, fields } = event
  const cut = cutOf(event)
  const title = titles.of(slot, pid)
  return {
    time: String(time),
    trace: trace.description.spec.name,
    ...{ event: spec.event, phase: spec.phase, level: spec.level, cpu, pid, thread },
    ...(title === undefined ? {} : { process: title }),
    ...(spec.phase === 'event' ? {} : { span }),
    values: Object.fromEntries(fields.map((field) => [field.spec.name, plain(field.value)])),
    ...(cut.length === 0 ? {} : { cut }),
    ...(isMisfit ? { misfit: true } : {}),
  }
}

export function* jsonLines(streams: Streams, titles: ProcessTitles): Generator<string> {
  for (const event of streams.merged()) yield `${jsonText(plainEvent(event, titles))}\n`
  for (const { trace, cpu, missing } of streams.streams) {
    const { isDamaged, ...counts } = missing
    if (!isDamaged && Object.values(counts).every((count) => count === 0)) continue
    const of = { trace: trace.description.spec.name, cpu: cpu ?? 'overflow' }
    yield `${jsonText({ missing: { ...of, ...counts, isDamaged } })}\n`
  }
}
