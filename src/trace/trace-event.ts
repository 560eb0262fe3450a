import type { RingRecord } from '../ring/ring-record.js'
import type { Decoded, DecodedValue } from './decoder.js'
import type { Level, Phase } from './schema.js'

/** An event that was read from a trace of this process. */
export class TraceEvent {
  /** The name of the trace. */
  readonly trace: string
  /** The name of the event. */
  readonly event: string
  /** Whether it is an event, or the beginning or the end of a span. */
  readonly phase: Phase
  /** The level of the event. */
  readonly level: Level
  /** When it was recorded, in nanoseconds on the clock of `now()`: see {@link RingRecord.time}. */
  readonly time: bigint
  /** The CPU on which it was recorded. */
  readonly cpu: number
  /** The id of the process that recorded it. */
  readonly pid: number
  /** The kernel's id of the thread that recorded it. */
  readonly thread: number
  /** The number of the span, which its beginning and its end have in common; 0 for other events. Each thread counts its own. */
  readonly span: number
  /** The values of the fields. */
  readonly values: Readonly<Record<string, DecodedValue>>
  /** The names of fields that are cut, as more was given than the field allows. */
  readonly cut: readonly string[]
  /** Whether a value did not fit its field: the nearest that does is here, or 0 or nothing. */
  readonly misfit: boolean

  /** @internal */
  constructor(trace: string, decoded: Decoded, { time, cpu, thread }: RingRecord) {
    const { spec, pid, span, fields, isMisfit } = decoded
    this.trace = trace
    this.event = spec.event
    this.phase = spec.phase
    this.level = spec.level
    this.time = time
    this.cpu = cpu
    this.pid = pid
    this.thread = thread
    this.span = span
    this.values = Object.fromEntries(fields.map((field) => [field.spec.name, field.value]))
    this.cut = fields.filter(({ isCut }) => isCut).map((field) => field.spec.name)
    this.misfit = isMisfit
  }
}
