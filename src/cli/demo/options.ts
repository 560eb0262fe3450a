/**
 * What `rseq demo` can be asked for.
 *
 * @module
 */

/** The parts, in the order in which they are shown. */
export const PARTS = ['threads', 'processes', 'cost', 'recorder'] as const
export type Part = (typeof PARTS)[number]

/** Options of the command. */
export interface DemoOptions {
  /** The part that is shown; all if it is undefined. */
  readonly only?: Part
  readonly seconds: number
  readonly directory: string
  readonly json?: true
  readonly color: boolean
}
