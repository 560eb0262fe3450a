/**
 * Typed events, recorded in nanoseconds in the memory of a process or of a service, where they survive a crash. The command
 * `rseq trace` turns them on and off, and exports them for other tools.
 *
 * @module rseq/trace
 */
export { type ContextOptions, type ContextSource, type Contexts, newFlow, threadName } from './contexts.js'
export type { DecodedValue } from './decoder.js'
export {
  type ProcessEvents,
  type ProcessTrace,
  type RecordOptions,
  processEvents,
  recordProcess,
} from './process-events.js'
export { type PinoDestination, type PinoEvents, pinoDestination, pinoEvents } from './sources/pino.js'
export type {
  BigintType,
  BoundedField,
  EnumField,
  EventOptions,
  EventsSchema,
  Field,
  FieldType,
  FieldValue,
  FieldValues,
  Fields,
  Level,
  LongType,
  NumberType,
  Phase,
  SpanOptions,
} from './schema.js'
export type { EnableOptions } from './switches.js'
export { TraceEvent } from './trace-event.js'
export {
  type DefinitionOptions,
  type EventCall,
  type EventMethod,
  type ListedEvent,
  type SpanCall,
  type Trace,
  TraceCore,
  TraceDefinition,
  type TraceMemory,
  type TraceOptions,
  defineEvents,
} from './trace.js'
