/**
 * The one table of hot operations. Every backend implements all of them. From this table,
 * `scripts/generate-operations.mjs` generates the list of C++ functions that become callbacks
 * (`native/addon/generated/operations.inc`) and the wrappers of the Node-API tier
 * (`src/native/generated/scratch-operations.ts`).
 *
 * A row is a property of {@link Operations}. Its C++ function has the name of the row in snake case and exactly the types of
 * the row; the C++ compiler checks that.
 *
 * A row named `Try` makes one attempt in one section. It may fail because the section was aborted or because the case is
 * rare (a full stack, a stopped shard); the row without `Try` then does the work, or answers why it cannot.
 *
 * @module
 */
import type { Act, Status } from './layout.js'

/** A number that native code takes as `uint32_t`: JavaScript's `value >>> 0`. */
export type U32 = number
/** A number that native code takes as `int32_t`: JavaScript's `value | 0`. */
export type I32 = number
/** A number that native code takes as `double`. */
export type F64 = number

/** An open region: a number on the native backend, an object on the portable one. */
export type Handle = unknown

/** The answer of `stackPop` if the stack is empty. Values on a stack are finite. */
export const NOTHING_TO_POP = Infinity
/** The answer of `stackPop` if the memory of the stack was overwritten. */
export const CORRUPT_STACK = -Infinity

/**
 * The operations that may find a shard with another owner. V8 fast calls must not block, so the hot operation then does
 * nothing and answers {@link Status.busy} (as -busy where the answer is a number; as NaN for {@link Operations.stackPop}; as
 * a note of -busy for arrays). The operation of the same name in `Backend.waiting` waits, up to ten seconds.
 */
export type WaitingOperations = Pick<
  Operations,
  | 'counterSet'
  | 'stackPush'
  | 'stackPop'
  | 'listPush'
  | 'listPop'
  | 'poolAlloc'
  | 'poolFree'
  | 'heapAlloc'
  | 'heapFree'
  | 'ringWrite'
  | 'arrayAct'
>

/** The operations that a program may call millions of times a second. They never throw: the answer says what went wrong. */
export interface Operations {
  /**
   * Adds to a counter, in as many attempts as that takes.
   *
   * @unbenched called when an attempt was aborted, once in a million additions
   */
  readonly counterAdd: (handle: Handle, i: U32, delta: F64) => Status
  /**
   * One attempt to add a 32-bit integer. If the answer is not {@link Status.ok}, nothing was added: call {@link counterAdd}.
   *
   * @bench add
   */
  readonly counterAddInt32: (handle: Handle, i: U32, delta: I32) => Status
  /**
   * One attempt to add any number. If the answer is not {@link Status.ok}, nothing was added: call {@link counterAdd}.
   *
   * @bench add-f64
   */
  readonly counterAddFloat64: (handle: Handle, i: U32, delta: F64) => Status
  /**
   * The total of a counter; NaN if the handle or the index is refused.
   *
   * @bench value
   */
  readonly counterGet: (handle: Handle, i: U32) => F64
  /**
   * Sets a counter; see `counter_set` in `native/percpu/counter.h`.
   *
   * @bench gauge-set
   */
  readonly counterSet: (handle: Handle, i: U32, value: F64) => Status
  /**
   * Adds a 32-bit integer to a counter with a tree, in as many attempts as that takes. `step` is the tree's; see
   * `counter_tree_add` in `native/percpu/counter_tree.h`.
   *
   * @bench tree-add
   */
  readonly counterTreeAddInt32: (handle: Handle, step: U32, delta: I32) => Status
  /**
   * Adds any safe integer to a counter with a tree.
   *
   * @unbenched as counterTreeAddInt32, with a conversion
   */
  readonly counterTreeAddFloat64: (handle: Handle, step: U32, delta: F64) => Status
  /**
   * The value that the tree knows; NaN if the handle or `step` is refused.
   *
   * @bench tree-approximate
   */
  readonly counterTreeApproximate: (handle: Handle, step: U32) => F64
  /**
   * Adds `value` to counter `sum` of `sums`, and 1 to counter `bucket` of the i64 counters `counts`. If the call is refused
   * or the Worker is terminated, neither is added.
   *
   * @bench record
   */
  readonly countedAdd: (counts: Handle, bucket: U32, sums: Handle, sum: U32, value: F64) => Status
  /**
   * `countedAdd` of a 32-bit value, where one region of i64 counters has bucket and sum: fewer arguments and conversions.
   *
   * @bench record
   */
  readonly countedAddInt32: (handle: Handle, bucket: U32, sum: U32, value: I32) => Status
  /**
   * One attempt to add the sums of a batch's counters below `end`. Answers the first counter whose sum was not added, or
   * `end`.
   *
   * @bench batch-16
   */
  readonly batchTrySums: (batch: Handle, end: U32) => U32
  /**
   * Adds all sums of a batch, in as many attempts as that takes.
   *
   * @unbenched called when an attempt was aborted
   */
  readonly batchAddSums: (batch: Handle) => Status
  /**
   * Adds the first `count` entries of a batch.
   *
   * @bench add-many-16
   */
  readonly batchCommit: (batch: Handle, count: U32) => Status
  /**
   * Takes the mutex if it is free. `ok`, `ownerDied`: the thread has it now. `busy`: another thread has it. `heldAlready`:
   * this thread had it before.
   *
   * @bench mutex
   */
  readonly mutexTryLock: (mutex: Handle) => Status
  /**
   * Gives the mutex back. `call`: done, and the caller must wake a waiter in JavaScript. `notOwner`: this thread does not
   * have it.
   *
   * @bench mutex
   */
  readonly mutexUnlock: (mutex: Handle) => Status
  /**
   * Pushes a finite number, in as many attempts as that takes.
   *
   * @unbenched called when an attempt was aborted, or the stack is full
   */
  readonly stackPush: (handle: Handle, value: F64) => Status
  /**
   * One attempt to push. If the answer is not {@link Status.ok}, nothing was pushed: call {@link stackPush}.
   *
   * @bench stack
   */
  readonly stackTryPush: (handle: Handle, value: F64) => Status
  /**
   * Pops a number, in as many attempts as that takes; or answers {@link NOTHING_TO_POP}, {@link CORRUPT_STACK}, or NaN if the
   * shard is busy or the handle is refused.
   *
   * @unbenched called when an attempt was aborted, or the stack is empty
   */
  readonly stackPop: (handle: Handle) => F64
  /**
   * One attempt to pop. If the answer is NaN, nothing was popped: call {@link stackPop}. If it is an infinity, the popped word
   * was one that no push stores: the memory was overwritten.
   *
   * @bench stack
   */
  readonly stackTryPop: (handle: Handle) => F64
  /**
   * Pushes a node, in as many attempts as that takes. `listed`: a checked list has found the node on a list.
   *
   * @unbenched called when an attempt was aborted
   */
  readonly listPush: (handle: Handle, node: U32) => Status
  /**
   * One attempt to push. If the answer is not {@link Status.ok}, nothing was pushed: call {@link listPush}.
   *
   * @bench list
   */
  readonly listTryPush: (handle: Handle, node: U32) => Status
  /**
   * Pops a node, in as many attempts as that takes; or answers -{@link Status}.
   *
   * @unbenched called when an attempt was aborted, or the list is empty
   */
  readonly listPop: (handle: Handle) => I32
  /**
   * One attempt to pop. If the answer is below 0, nothing was popped: call {@link listPop}.
   *
   * @bench list
   */
  readonly listTryPop: (handle: Handle) => I32
  /**
   * Takes a block of a pool, in as many attempts as that takes; or answers -{@link Status}: -`empty` if no block is free.
   *
   * @bench pool-checked
   */
  readonly poolAlloc: (handle: Handle) => I32
  /**
   * Gives a block back, in as many attempts as that takes. `notOwner`, for a checked pool only: the block is not taken.
   *
   * @bench pool-checked
   */
  readonly poolFree: (handle: Handle, block: U32) => Status
  /**
   * Takes a block of at least so many bytes, in as many attempts as that takes; or answers -{@link Status}: -`empty` if too
   * little memory is free.
   *
   * @bench heap
   */
  readonly heapAlloc: (handle: Handle, bytes: U32) => I32
  /**
   * Gives a block back, in as many attempts as that takes. `outOfRange`: no block begins there. `notOwner`: the block is free,
   * which a checked heap always finds out.
   *
   * @bench heap
   */
  readonly heapFree: (handle: Handle, block: U32) => Status
  /**
   * Writes the first `length` bytes of the ring's scratch as a record, in as many attempts as that takes. `full`: the ring
   * has no room, and has counted the record as dropped.
   *
   * @unbenched called when an attempt was aborted, or the ring is full
   */
  readonly ringWrite: (handle: Handle, length: U32) => Status
  /**
   * One attempt to write. If the answer is an outcome of the section, nothing was written: call {@link ringWrite}.
   *
   * @bench ring-write
   */
  readonly ringTryWrite: (handle: Handle, length: U32) => Status
  /**
   * Takes the lock of the CPU that the thread is on, if it is free. Answers the shard, plus {@link LAST_OWNER_DIED} if its
   * last owner ended without unlocking it; or -{@link Status}.
   *
   * @bench cpu-lock
   */
  readonly cpuLockTry: (locks: Handle) => I32
  /**
   * Gives a CPU's lock back. Answers like {@link mutexUnlock}, and `outOfRange` if the shard does not exist.
   *
   * @bench cpu-lock
   */
  readonly cpuLockUnlock: (locks: Handle, shard: U32) => Status
  /**
   * Applies an {@link Act} to this CPU's word `i`, in as many attempts as that takes. Every array operation answers the former
   * value of the word and notes on which shard it was made ({@link ArrayNote}). If the note says that nothing was done, the
   * answer is NaN.
   *
   * @unbenched called when an attempt was aborted
   */
  readonly arrayAct: (array: Handle, act: Act, i: U32, operand: F64, expected: F64) => F64
  /**
   * Applies an {@link Act} to a word of a shard that this thread has stopped. Answers like {@link arrayAct}.
   *
   * @unbenched behind a fence, which costs a thousand times as much
   */
  readonly arrayActOn: (array: Handle, shard: U32, act: Act, i: U32, operand: F64, expected: F64) => F64
  /**
   * One attempt to add a 32-bit integer. NaN: nothing was done (call {@link arrayAct}), or the word of an f64 array held a NaN;
   * the note tells which.
   *
   * @bench words-add
   */
  readonly arrayTryAddInt32: (array: Handle, i: U32, delta: I32) => F64
  /**
   * One attempt to add any number.
   *
   * @bench words-f64
   */
  readonly arrayTryAdd: (array: Handle, i: U32, delta: F64) => F64
  /**
   * One attempt to exchange.
   *
   * @bench words-exchange
   */
  readonly arrayTryExchange: (array: Handle, i: U32, value: F64) => F64
  /**
   * One attempt to compare and exchange.
   *
   * @unbenched differs from an exchange by one comparison
   */
  readonly arrayTryCompareExchange: (array: Handle, i: U32, expected: F64, desired: F64) => F64
  /**
   * One attempt to load.
   *
   * @bench words-load
   */
  readonly arrayTryLoad: (array: Handle, i: U32) => F64
}
