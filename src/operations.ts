/**
 * The hot operations: the twin of the table in `native/addon/operations.h`. Every tier and backend
 * has all of them.
 *
 * @module
 */
import type { Status } from './layout.js'

/** What a backend calls an open region: a number to one, an object to the other. */
export type Handle = unknown

/** The operations that may be called millions of times a second. Total: they answer, and never throw. */
export interface Operations {
  /** Adds, whatever it takes. */
  readonly counterAdd: (handle: Handle, i: number, delta: number) => Status
  /**
   * One attempt to add an integer of 32 bits. If it answers something else than {@link Status.ok}, nothing
   * was added, and {@link counterAdd} adds, or says why not.
   */
  readonly counterAddInt32: (handle: Handle, i: number, delta: number) => Status
  /** The same with any number. */
  readonly counterAddFloat64: (handle: Handle, i: number, delta: number) => Status
  /** NaN if refused. */
  readonly counterGet: (handle: Handle, i: number) => number
  /** Sets a counter; see `counter_set` in `native/percpu/counter.h`. */
  readonly counterSet: (handle: Handle, i: number, value: number) => Status
  /**
   * Adds 1 to counter `bucket` of the i64 counters `counts`, then `value` to counter `sum` of `sums`. Both or,
   * where it is refused, none.
   */
  readonly countedAdd: (counts: Handle, bucket: number, sums: Handle, sum: number, value: number) => Status
  /** Adds the first `count` entries of a batch. */
  readonly batchCommit: (batch: Handle, count: number) => Status
  /** `ok` and `ownerDied`: taken. `busy` and `heldAlready`: not. */
  readonly mutexTryLock: (mutex: Handle) => Status
  /** `call`: done, and a waiter in JavaScript is to be woken. */
  readonly mutexUnlock: (mutex: Handle) => Status
}
