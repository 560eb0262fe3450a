/**
 * The lines of pino, and of other loggers that write JSON with a number as `level`, as events. The lines of a log are then in the ring
 * between the other events, and are there after a crash.
 *
 * @module
 */
import type { Trace } from '../trace.js'
import { checkHasEvents } from './check-events.js'

const LINE = { line: { type: 'string', most: 1024 } } as const

const PINO_EVENTS = {
  /** A line of the level `fatal` (60) or above. */
  'pino.fatal': { level: 'critical', fields: LINE },
  /** A line of the level `error` (50 to 59). */
  'pino.error': { level: 'error', fields: LINE },
  /** A line of the level `warn` (40 to 49). */
  'pino.warn': { level: 'warning', fields: LINE },
  /** A line of the level `info` (30 to 39), and what has no level. */
  'pino.info': { level: 'info', fields: LINE },
  /** A line of the levels `debug` and `trace` (below 30). Off until somebody enables it. */
  'pino.debug': { level: 'debug', fields: LINE },
} as const

/** The type of {@link pinoEvents}: the events `pino.fatal`, `pino.error`, `pino.warn`, `pino.info` and `pino.debug`. */
export type PinoEvents = typeof PINO_EVENTS

/** Definitions of the events of {@link pinoDestination}, to spread into those of a trace. A line is cut to 1,024 bytes. */
export const pinoEvents: PinoEvents = PINO_EVENTS

/** The levels' least numbers, the most important first; `pino.debug` has what is below. */
const LEAST = [
  [60, 'pino.fatal'],
  [50, 'pino.error'],
  [40, 'pino.warn'],
  [30, 'pino.info'],
] as const
const NUMBERS = new Map<unknown, number>(
  Object.entries({ fatal: 60, error: 50, warn: 40, info: 30, debug: 20, trace: 10 }),
)
const INFO = 30
const METADATA: unique symbol = Symbol.for('pino.metadata')

/** What pino and its multistream write to. */
export interface PinoDestination {
  /** Says that this is a stream, as `pino(destination)` asks. */
  readonly writable: true
  /**
   * Records lines, each as an event.
   *
   * @param text - one line or several, with or without a newline at the end.
   * @returns true: more can be written at once.
   */
  write(text: string): true
}

/** The level that a line says, as a number or by its name. */
function levelIn(line: string): number {
  const usual = /^\{"level":(\d{1,9})[,}]/.exec(line)
  if (usual !== null) return Number(usual[1])
  try {
    const { level } = JSON.parse(line) as { level?: unknown }
    return typeof level === 'number' ? level : (NUMBERS.get(level) ?? INFO)
  } catch {
    return INFO
  }
}

class Destination implements PinoDestination {
  readonly writable = true
  /** Asks pino for the level of each line, by `lastLevel`. */
  readonly [METADATA] = true
  lastLevel: unknown
  lastObj: unknown
  lastLogger: unknown
  readonly #trace: Trace<PinoEvents>

  constructor(trace: Trace<PinoEvents>) {
    this.#trace = trace
  }

  write(text: string): true {
    const { lastLevel } = this
    // pino sets them for the next line again. What they are is not kept alive until then.
    this.lastLevel = this.lastObj = this.lastLogger = undefined
    for (const line of text.split('\n')) {
      if (line === '') continue
      const level = typeof lastLevel === 'number' ? lastLevel : levelIn(line)
      const name = LEAST.find(([least]) => level >= least)?.[1] ?? 'pino.debug'
      this.#trace[name](line)
    }
    return true
  }
}

/**
 * Makes a destination for pino that records each line as an event, with the level of the line: `pino(pinoDestination(trace))`. A line is
 * in the ring when the logger returns. Not for several threads: each makes one for its own trace.
 *
 * @param trace - a trace whose definition has {@link pinoEvents}.
 * @throws TypeError if `trace` is no such trace.
 * @example
 * ```ts
 * const trace = defineEvents('shop', pinoEvents).open()
 * const logger = pino(pinoDestination(trace))
 * logger.warn({ order: 7 }, 'out of stock')
 * ```
 */
export function pinoDestination(trace: Trace<PinoEvents>): PinoDestination {
  checkHasEvents(trace, pinoEvents, 'pinoEvents')
  return new Destination(trace)
}
