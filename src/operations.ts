/**
 * The hot operations: the twin of the table in `native/addon/operations.h`. Every tier and backend
 * has all of them.
 *
 * @module
 */
import type { Act, Status } from './layout.js'

/** What a backend calls an open region: a number to one, an object to the other. */
export type Handle = unknown

/** Answers of a pop that are no value: only finite numbers are. */
export const NOTHING_TO_POP = Infinity
export const CORRUPT_STACK = -Infinity

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
  /** One attempt to add the sums of a batch's counters below `end`: which is the first that is not added. */
  readonly batchTrySums: (batch: Handle, end: number) => number
  /** Adds all sums of a batch, whatever it takes. */
  readonly batchAddSums: (batch: Handle) => Status
  /** Adds the first `count` entries of a batch. */
  readonly batchCommit: (batch: Handle, count: number) => Status
  /** `ok` and `ownerDied`: taken. `busy` and `heldAlready`: not. */
  readonly mutexTryLock: (mutex: Handle) => Status
  /** `call`: done, and a waiter in JavaScript is to be woken. */
  readonly mutexUnlock: (mutex: Handle) => Status
  /** Pushes a finite number, whatever it takes. */
  readonly stackPush: (handle: Handle, value: number) => Status
  /** One attempt to: if it answers something else than {@link Status.ok}, {@link stackPush} pushes, or says why not. */
  readonly stackTryPush: (handle: Handle, value: number) => Status
  /** Pops a number, whatever it takes; {@link NOTHING_TO_POP}, {@link CORRUPT_STACK}, or NaN: refused. */
  readonly stackPop: (handle: Handle) => number
  /** One attempt to: if it answers NaN, {@link stackPop} pops, or says why not. */
  readonly stackTryPop: (handle: Handle) => number
  /** Pushes a node, whatever it takes. */
  readonly listPush: (handle: Handle, node: number) => Status
  /** One attempt to: if it answers something else than {@link Status.ok}, {@link listPush} pushes, or says why not. */
  readonly listTryPush: (handle: Handle, node: number) => Status
  /** Pops a node, whatever it takes; or -{@link Status}. */
  readonly listPop: (handle: Handle) => number
  /** One attempt to: if it answers something below 0, {@link listPop} pops, or says why not. */
  readonly listTryPop: (handle: Handle) => number
  /** Takes a block of a pool, whatever it takes; or -{@link Status}: `empty`, if none is free. */
  readonly poolAlloc: (handle: Handle) => number
  /** Gives a block back, whatever it takes. `notOwner`: nobody has it, as a checked pool knows. */
  readonly poolFree: (handle: Handle, block: number) => Status
  /** Writes the first `length` bytes of the ring's scratch as a record, whatever it takes. `full`: no room, and counted. */
  readonly ringWrite: (handle: Handle, length: number) => Status
  /** One attempt to: if it answers something else than {@link Status.ok}, {@link ringWrite} writes, or says why not. */
  readonly ringTryWrite: (handle: Handle, length: number) => Status
  /** The shard that is locked now, plus {@link LAST_OWNER_DIED} where that is so; or -{@link Status}. */
  readonly cpuLockTry: (locks: Handle) => number
  /** As {@link mutexUnlock}; `outOfRange` if there is no such shard. */
  readonly cpuLockUnlock: (locks: Handle, shard: number) => Status
  /**
   * Does an {@link Act} to word `i` of this CPU's, whatever it takes. This and those below answer what the word held, and
   * note where they were made: {@link ArrayNote}. A NaN where the note says that they were not.
   */
  readonly arrayAct: (array: Handle, act: Act, i: number, operand: number, expected: number) => number
  /** The same to a word of a shard that this thread has stopped. */
  readonly arrayActOn: (
    array: Handle,
    shard: number,
    act: Act,
    i: number,
    operand: number,
    expected: number,
  ) => number
  /** One attempt. NaN, but for one of doubles that was there: {@link arrayAct} does it, or says why not. */
  readonly arrayTryAddInt32: (array: Handle, i: number, delta: number) => number
  readonly arrayTryAdd: (array: Handle, i: number, delta: number) => number
  readonly arrayTryExchange: (array: Handle, i: number, value: number) => number
  readonly arrayTryCompareExchange: (array: Handle, i: number, expected: number, desired: number) => number
  readonly arrayTryLoad: (array: Handle, i: number) => number
}
