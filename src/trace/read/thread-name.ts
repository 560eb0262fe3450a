/**
 * The names of threads, which viewers write at their tracks.
 *
 * @module
 */
import type { ReadEvent } from './events.js'
import { marked } from './values.js'

/** The context that names an event's thread. */
const THREAD_NAME = 'thread'

/** The name of an event's thread, if the trace has a context `thread` that is a text; else undefined. */
export function threadNameOf({ trace, fields }: ReadEvent): string | undefined {
  const { contexts } = trace.description.spec
  const k = contexts.findIndex(({ name, type }) => name === THREAD_NAME && type === 'string')
  const field = k < 0 ? undefined : fields[fields.length - contexts.length + k]
  return field === undefined || field.value === '' ? undefined : (marked(field) as string)
}
