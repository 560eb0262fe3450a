/**
 * The ways to count whose costs the demo measures, and what it asks its Workers for.
 *
 * @module
 */

/** The ways to count, in the order in which they are shown. */
export const WAYS = [
  'counter',
  'atomics',
  'rseq/prom-client',
  'prom-client',
  'rseq/prom-client, labels',
  'prom-client, labels',
  'message',
] as const
export type Way = (typeof WAYS)[number]
/** The ways that need the user's prom-client. */
export const THEIRS: readonly Way[] = ['prom-client', 'prom-client, labels']

/** What a Worker is given. */
export interface CostData {
  readonly counter: SharedArrayBuffer
  readonly word: SharedArrayBuffer
  /** The path of the user's prom-client; null if there is none. */
  readonly promClient: string | null
}

/** A slice of work that a Worker is asked for. */
export interface Slice {
  readonly way: Way
  readonly ms: number
}

/** What a Worker has done of a slice. */
export interface Done {
  readonly operations: number
}
