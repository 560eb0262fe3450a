/**
 * Migrations of threads between CPUs, which nobody records: they are seen where two records of a thread that follow each other are of
 * two CPUs.
 *
 * @module
 */
import type { DecodedField } from '../decoder.js'
import type { FieldSpec, RecordSpec } from '../schema.js'
import type { ReadEvent } from './events.js'
import type { TraceFile } from './trace-file.js'

/** The most threads that are remembered: others are forgotten, those that recorded nothing for longest first. */
const MOST_THREADS = 100_000
const NS_PER_MS = 1e6

const [FROM, TO, MS] = (
  [
    ['from', 'u32'],
    ['to', 'u32'],
    ['ms', 'f64'],
  ] as const
).map(([name, type]): FieldSpec => ({ name, type, most: 1, labels: [] })) as [FieldSpec, FieldSpec, FieldSpec]
const MIGRATION: RecordSpec = { event: 'migration', phase: 'event', level: 'debug', fields: [FROM, TO, MS] }
/** No file has it: the trace of what a reader adds. */
const ADDED: TraceFile = {
  ...{ path: '', generation: '', controls: [] },
  description: {
    spec: { name: 'rseq', contexts: [], records: [MIGRATION] },
    ...{ ring: '', bytesPerCpu: 0, policy: 'overwrite' },
  },
}

function valued(spec: FieldSpec, value: number): DecodedField {
  return { spec, value, isCut: false }
}

/**
 * Yields the events, and before each one whose thread was on another CPU before, an event `rseq:migration` of the same time: between
 * which CPUs, and for how long, in milliseconds, the thread had recorded nothing. A thread that was elsewhere and came back meanwhile
 * is not seen.
 *
 * @param events - in the order of their times.
 */
export function* withMigrations(events: Iterable<ReadEvent>): Generator<ReadEvent, void, undefined> {
  const last = new Map<string, { readonly cpu: number; readonly time: bigint }>()
  for (const event of events) {
    const { slot, pid, thread, cpu, time } = event
    const key = `${slot} ${pid} ${thread}`
    const before = last.get(key)
    if (before !== undefined && before.cpu !== cpu) {
      const ms = Number(time - before.time) / NS_PER_MS
      const fields = [valued(FROM, before.cpu), valued(TO, cpu), valued(MS, ms)]
      yield { ...event, id: 0, spec: MIGRATION, trace: ADDED, span: 0, isMisfit: false, fields }
    }
    last.delete(key)
    last.set(key, { cpu, time })
    if (last.size > MOST_THREADS) {
      const [oldest = key] = last.keys()
      last.delete(oldest)
    }
    yield event
  }
}
