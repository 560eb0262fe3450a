/**
 * Contexts: fields that all events of a trace have, whose values nobody passes, such as the name of the thread or the id of the request
 * that an AsyncLocalStorage has.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import * as threads from 'node:worker_threads'
import { checkObject, typeError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import type { Field, FieldSpec, Fields } from './schema.js'

/** What has the value of a context: a function, or an AsyncLocalStorage. */
export type ContextSource =
  | (() => unknown)
  | {
      /** Returns the value that holds where the event is recorded. */
      getStore(): unknown
    }

/** A field that all events of a trace have, behind their own. */
export interface ContextOptions {
  /** The type of the field. */
  type: Field
  /**
   * A function without arguments, or an AsyncLocalStorage. Each event asks it for its value. `undefined`, and an error, become 0, false or
   * nothing; so do the contexts of an event that is recorded while a function of a context runs.
   */
  from: ContextSource
}

/** The contexts of a trace, by name. They count among the 8 fields of each event. */
export type Contexts = Readonly<Record<string, ContextOptions>>

/** The context of the thread's name: `main`, or the name of the Worker, or `worker` and its id. */
export const threadName: ContextOptions = {
  type: { type: 'string', most: 32 },
  from: () => {
    const { isMainThread, threadId, threadName: given } = threads as typeof threads & { threadName?: string }
    return isMainThread ? 'main' : given === undefined || given === '' ? `worker ${threadId}` : given
  },
}

/** Where this thread's flow ids begin. */
const FIRST_FLOW = randomBytes(8).readBigUInt64LE() >> 1n
let flows = 0n

/** Returns an id for a field of the type `flow`. No other call returns it, in any thread or process of this machine, but by a chance of 1 in 2**30 and less. */
export function newFlow(): bigint {
  return BigInt.asUintN(63, FIRST_FLOW + ++flows)
}

/** The fields of the contexts, and for each what has its value. */
export interface CheckedContexts {
  readonly fields: Fields
  readonly sources: readonly (() => unknown)[]
}

/** @throws TypeError, RangeError that name the context and what is wrong; its type is checked with the events. */
export function checkContexts(contexts: unknown): CheckedContexts {
  if (contexts === undefined) return { fields: {}, sources: [] }
  const entries = Object.entries(checkObject('contexts', contexts, 'an object with a context for each name'))
  // A name such as __proto__ is one of these, too, and the check of the fields refuses it.
  const fields: [string, Field][] = []
  const sources = entries.map(([name, value]) => {
    const argument = `contexts.${name}`
    const given = checkOptions<{ type?: Field; from?: unknown }>(
      argument,
      checkObject(argument, value, '{ type, from }'),
      ['type', 'from'],
    )
    const from = given.from as Partial<{ getStore: () => unknown }> | (() => unknown) | null | undefined
    fields.push([name, given.type as Field])
    if (typeof from === 'function') return from
    if (typeof from?.getStore === 'function') return () => (from as { getStore: () => unknown }).getStore()
    throw typeError(`${argument}.from`, 'a function or an AsyncLocalStorage', from)
  })
  return { fields: Object.fromEntries(fields), sources }
}

/** What stands for a value that a context does not have. */
function nothingOf({ type, labels }: FieldSpec): unknown {
  if (type === 'string') return ''
  if (type === 'bytes') return new Uint8Array(0)
  if (type === 'bool') return false
  if (type === 'enum') return labels[0]
  return type.endsWith('[]') ? [] : 0
}

/** Whether this thread asks a source. The events that a source records have nothing as their contexts, or it would be asked for ever. */
let isAsking = false

/** The functions that give the values of a trace's contexts: they do not throw. */
export function contextValues(
  sources: readonly (() => unknown)[],
  fields: readonly FieldSpec[],
): (() => unknown)[] {
  return sources.map((source, k) => {
    const nothing = nothingOf(fields[k] as FieldSpec)
    return () => {
      if (isAsking) return nothing
      isAsking = true
      try {
        return source() ?? nothing
      } catch {
        return nothing
      } finally {
        isAsking = false
      }
    }
  })
}
