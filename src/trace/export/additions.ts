/**
 * What an export can write beside the events of a trace, and which formats have a place for it.
 *
 * @module
 */
import { rangeError } from '../../core/errors.js'

const FORMATS = { counters: ['perfetto', 'chrome'], migrations: ['perfetto', 'chrome', 'json'] } as const

/** What else an export writes. */
export interface Additions {
  /** EVENT.FIELD for each field that is drawn as a graph; none by default. */
  readonly counters?: readonly string[] | undefined
  /** Whether migrations of threads are events, too; false by default. */
  readonly migrations?: boolean | undefined
}

/** @throws RangeError if a format has no place for what is wanted. */
export function checkAdditions({ counters = [], migrations = false }: Additions, format: string): void {
  const wanted = { counters: counters.length > 0, migrations }
  for (const what of ['counters', 'migrations'] as const) {
    const formats: readonly string[] = FORMATS[what]
    if (wanted[what] && !formats.includes(format))
      throw rangeError('format', `one that has ${what}: ${formats.join(', ')}`, format)
  }
}
