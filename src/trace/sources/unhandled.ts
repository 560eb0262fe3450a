/**
 * Errors that nobody handles, as events. The process does with them what it did before.
 *
 * `uncaughtExceptionMonitor` changes nothing, and also tells of rejections that end the process. A listener of `unhandledRejection` is
 * something else: because of it, a process goes on. So there is one here only while the program has one itself.
 *
 * @module
 */
import { inspect } from 'node:util'
import type { Trace } from '../trace.js'
import { shown } from './shown.js'

export const UNHANDLED_EVENTS = {
  /** An exception that nothing caught, or the reason of a promise whose rejection nothing handled; the lines of its stack. */
  unhandled: {
    level: 'critical',
    fields: {
      kind: { enum: ['exception', 'rejection'] },
      error: { type: 'string', most: 256 },
      stack: { type: 'string', most: 1024 },
    },
  },
} as const

type UnhandledTrace = Trace<typeof UNHANDLED_EVENTS>
type Kind = 'exception' | 'rejection'

interface Observer {
  readonly trace: UnhandledTrace
}

const observers = new Set<Observer>()
const REJECTION = 'unhandledRejection'

function headOf(error: unknown): string {
  if (error instanceof Error) return `${error.name}: ${error.message}`
  return inspect(error, { depth: 1, breakLength: Infinity, maxStringLength: 200, maxArrayLength: 3 })
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  const lines = String(error.stack).split('\n')
  return lines.flatMap((line) => (/^\s+at /.test(line) ? [line.trim()] : [])).join('\n')
}

function record(kind: Kind, error: unknown): void {
  if (![...observers].some(({ trace }) => trace.isOn('unhandled'))) return
  const head = shown(() => headOf(error), 'cannot be shown')
  const stack = shown(() => stackOf(error), 'cannot be shown')
  for (const { trace } of observers) trace.unhandled(kind, head, stack)
}

function monitor(error: unknown, origin: string): void {
  record(origin === REJECTION ? 'rejection' : 'exception', error)
}

/** Marks the listener, also for other copies of this library. */
const MARK = Symbol.for('rseq.trace.unhandled')
const listener = Object.assign(
  (reason: unknown): void => {
    record('rejection', reason)
  },
  { [MARK]: true },
)

const isOfProgram = (given: unknown): boolean => !(typeof given === 'function' && MARK in given)

/** Listens first, as the listeners of the program may end the process. */
function listen(): void {
  if (!process.listeners(REJECTION).includes(listener)) process.prependListener(REJECTION, listener)
}

function added(event: string | symbol, given: unknown): void {
  if (event === REJECTION && isOfProgram(given)) listen()
}

function removed(event: string | symbol, given: unknown): void {
  if (event !== REJECTION || !isOfProgram(given)) return
  if (!process.listeners(REJECTION).some(isOfProgram)) process.off(REJECTION, listener)
}

/** Records errors of this thread that nobody handles. Returns the function that ends it. */
export function observeUnhandled(trace: UnhandledTrace): () => void {
  const observer = { trace }
  if (observers.size === 0) {
    process.on('uncaughtExceptionMonitor', monitor)
    process.on('newListener', added)
    process.on('removeListener', removed)
    if (process.listeners(REJECTION).some(isOfProgram)) listen()
  }
  observers.add(observer)
  return () => {
    if (!observers.delete(observer) || observers.size > 0) return
    process.off('removeListener', removed)
    process.off('newListener', added)
    process.off('uncaughtExceptionMonitor', monitor)
    process.off(REJECTION, listener)
  }
}
