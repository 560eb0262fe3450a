/**
 * Events of a process that no line of the program records: definitions to spread into a trace's, and the function that records
 * them.
 *
 * @module
 */
import { clearInterval, setInterval } from 'node:timers'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { PerformanceObserver, constants, monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { inspect } from 'node:util'
import type { Worker } from 'node:worker_threads'
import { checkInteger, typeError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { CONSOLE_EVENTS, observeConsole } from './sources/console.js'
import { checkHasEvents } from './sources/check-events.js'
import { shown } from './sources/shown.js'
import { UNHANDLED_EVENTS, observeUnhandled } from './sources/unhandled.js'
import type { Trace } from './trace.js'

const GC_KINDS = new Map<unknown, 'minor' | 'major' | 'incremental' | 'weakcb'>([
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
])
const DEFAULT_INTERVAL_MS = 1000
const MOST_INTERVAL_MS = 3_600_000
const NS_PER_MS = 1e6
const OPTIONS = ['gc', 'loopDelayMs', 'workers', 'errors', 'console', 'channels'] as const

const PROCESS_EVENTS = {
  /** A garbage collection: how long it took, and how long ago it ended, in milliseconds. Node tells of it afterwards. */
  gc: {
    fields: { kind: { enum: ['minor', 'major', 'incremental', 'weakcb', 'other'] }, ms: 'f64', ago: 'f64' },
  },
  /** The delays of the event loop in an interval, in milliseconds. */
  loopDelay: { fields: { p50: 'f64', p99: 'f64', max: 'f64' } },
  /** A Worker that this thread has started, or that has ended. */
  worker: { fields: { id: 'i32', state: { enum: ['started', 'ended'] }, code: 'i32' } },
  /** A message on a channel of node:diagnostics_channel: its name, and the message as `util.inspect` shows it. */
  channel: { fields: { channel: 'string', message: { type: 'string', most: 512 } } },
  ...UNHANDLED_EVENTS,
  ...CONSOLE_EVENTS,
} as const

/** The type of {@link processEvents}: the events `gc`, `loopDelay`, `worker`, `channel`, `unhandled`, `console.log` and so on. */
export type ProcessEvents = typeof PROCESS_EVENTS

/** Definitions of a process's events, to spread into those of a trace: `defineEvents('shop', { ...processEvents, ... })`. */
export const processEvents: ProcessEvents = PROCESS_EVENTS

/** A trace whose definition has {@link processEvents}. */
export type ProcessTrace = Trace<ProcessEvents>

/** Which events {@link recordProcess} records. */
export interface RecordOptions {
  /** Whether to record garbage collections of this thread; true by default. */
  gc?: boolean
  /** How often to record the delays of this thread's event loop, in milliseconds; 0: never. By default each second. */
  loopDelayMs?: number
  /** Whether to record Workers that this thread starts, and their ends; true by default. */
  workers?: boolean
  /**
   * Whether to record exceptions that nothing catches, and rejections that nothing handles or that a listener of `unhandledRejection` of
   * the program sees; true by default. The process does with them what it does anyway.
   */
  errors?: boolean
  /**
   * Whether to record what this thread prints by `console.debug`, `log`, `info`, `warn` and `error`; false by default. It is printed as
   * before; arguments that are not texts are formatted a second time.
   */
  console?: boolean
  /** The names of channels of node:diagnostics_channel, such as `http.client.request.start`; none by default. */
  channels?: readonly string[]
}

function checkBoolean(argument: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined) return otherwise
  if (typeof value !== 'boolean') throw typeError(argument, 'true or false', value)
  return value
}

function checkChannels(value: unknown): readonly string[] {
  if (value === undefined) return []
  const expected = 'an array of names of channels'
  if (!Array.isArray(value)) throw typeError('channels', expected, value)
  for (const name of value) if (typeof name !== 'string') throw typeError('channels', expected, name)
  return value as readonly string[]
}

function observeGc({ gc }: ProcessTrace): () => void {
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { startTime, duration } = entry
      const { detail } = entry as { detail?: { kind?: unknown } }
      const kind = GC_KINDS.get(detail?.kind) ?? 'other'
      gc(kind, duration, performance.now() - startTime - duration)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  return () => {
    observer.disconnect()
  }
}

function observeLoop({ loopDelay }: ProcessTrace, everyMs: number): () => void {
  const delays = monitorEventLoopDelay()
  delays.enable()
  const timer = setInterval(() => {
    const [p50, p99] = [delays.percentile(50), delays.percentile(99)]
    loopDelay(p50 / NS_PER_MS, p99 / NS_PER_MS, delays.max / NS_PER_MS)
    delays.reset()
  }, everyMs).unref()
  return () => {
    clearInterval(timer)
    delays.disable()
  }
}

function observeWorkers({ worker: record }: ProcessTrace): () => void {
  const started = (worker: Worker): void => {
    const { threadId } = worker
    record(threadId, 'started', 0)
    worker.once('exit', (code) => {
      record(threadId, 'ended', code)
    })
  }
  process.on('worker', started)
  return () => {
    process.off('worker', started)
  }
}

/** What a message on a channel looks like. */
function textOf(message: unknown): string {
  const how = { depth: 1, breakLength: Infinity, maxStringLength: 80, maxArrayLength: 3 }
  return shown(() => inspect(message, how), 'a message that cannot be shown')
}

function observeChannels(trace: ProcessTrace, names: readonly string[]): () => void {
  const listen = (message: unknown, name: string | symbol): void => {
    if (trace.isOn('channel')) trace.channel(String(name), textOf(message))
  }
  for (const name of names) subscribe(name, listen)
  return () => {
    for (const name of names) unsubscribe(name, listen)
  }
}

/**
 * Records the events of {@link processEvents} in this thread. What is off costs a load for each event.
 *
 * @param trace - a trace whose definition has them.
 * @returns the function that ends it.
 * @throws TypeError, RangeError if `trace` is no such trace, or for an option that is not accepted.
 */
export function recordProcess(trace: ProcessTrace, options: RecordOptions = {}): () => void {
  checkHasEvents(trace, processEvents, 'processEvents')
  const { gc, loopDelayMs, workers, errors, console, channels } = checkOptions('options', options, OPTIONS)
  const everyMs = checkInteger('loopDelayMs', loopDelayMs ?? DEFAULT_INTERVAL_MS, 0, MOST_INTERVAL_MS)
  const [hasGc, hasWorkers] = [checkBoolean('gc', gc, true), checkBoolean('workers', workers, true)]
  const hasErrors = checkBoolean('errors', errors, true)
  const hasConsole = checkBoolean('console', console, false)
  const names = checkChannels(channels)
  const ends = [
    hasGc ? observeGc(trace) : null,
    everyMs > 0 ? observeLoop(trace, everyMs) : null,
    hasWorkers ? observeWorkers(trace) : null,
    hasErrors ? observeUnhandled(trace) : null,
    hasConsole ? observeConsole(trace) : null,
    observeChannels(trace, names),
  ]
  return () => {
    for (const end of ends) end?.()
  }
}
