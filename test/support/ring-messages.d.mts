/**
 * Messages that show whether they came whole, once and in order.
 *
 * @module
 */
import type { RingRecord } from '../../lib/index.js'

/** The bytes of message `number` of writer `who`: of some length, all of them following from the two. */
export function makeMessage(who: number, number: number): Uint8Array

/** Whose message that is, and which; null if it is not as it was made. */
export function readMessage(bytes: Uint8Array): { who: number; number: number } | null

/** What a reader has seen: to be told every record, in the order in which it got them. */
export class MessageJudge {
  /** How many records there were, and what is wrong with them. */
  readonly read: number
  readonly torn: number
  readonly twice: number
  readonly unordered: number
  readonly faults: { torn: number; twice: number; unordered: number }
  see(record: Pick<RingRecord, 'bytes' | 'cpu' | 'thread' | 'time' | 'overflow'>): void
  /** The numbers of a writer that came. */
  numbersOf(who: number): ReadonlySet<number>
}
