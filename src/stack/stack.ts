import { summary } from '../core/describe.js'
import { checkOpen, own } from '../runtime/disposal.js'
import { backend } from '../runtime/backend.js'
import { checkArray, checkChoice, checkFinite, checkInteger } from '../core/errors.js'
import { INDEXES, type IndexName, Kind, MAX_LENGTH, STACK_HEAD, Status } from '../core/layout.js'
import { type Handle, NOTHING_TO_POP } from '../core/operations.js'
import { type OwnedStack, whileStopped } from './owned-stack.js'
import { checkOptions } from '../core/options.js'
import { AdoptedBuffer, RegionHolder, bufferFor, createRegion, openRegion } from '../runtime/region.js'
import { remoteError } from '../runtime/remote-errors.js'
import { Shards } from '../runtime/shards.js'

/** Options of a new {@link PerCpuStack}. */
export interface StackOptions {
  /** What numbers the shards: the `cpu` (the default) or the `concurrency` id; see {@link CounterOptions}. */
  index?: IndexName
}

const { stackPush, stackPop, stackTryPush, stackTryPop } = backend.operations
const { waiting } = backend
const { stacks } = backend

/** A copy in this module: optimized code embeds it; see counters.ts. */
const OK = Status.ok

const MAX_CAPACITY = MAX_LENGTH - STACK_HEAD

/** The array that operations on one value pass. */
const one = new Float64Array(1)

function newStack(capacity: unknown, options: StackOptions): SharedArrayBuffer {
  const length = checkInteger('capacity', capacity, 1, MAX_CAPACITY) + STACK_HEAD
  const { index } = checkOptions('options', options, ['index'])
  return createRegion(Kind.stack, length, 'f64', checkChoice('index', index, INDEXES))
}

/**
 * A bounded stack of numbers for each CPU that worker threads share. It suits resources that one thread frees and the next
 * thread on that CPU takes while they are in the CPU's cache. The numbers (indices, offsets, handles) must be finite.
 *
 * {@link push} and {@link pop} are one restartable sequence each, on the stack of the CPU that runs the thread. A `pop` does
 * not find values pushed on other CPUs: use {@link popFrom}, {@link drain} or {@link onCpu} for those. Any thread on a CPU
 * may pop its values, each once. If a thread is terminated, every value stays whose `push` had returned.
 *
 * Memory: (possible CPUs + 1) x (8 x (capacity + 2), rounded up to 128) bytes and at most 256 more.
 *
 * @example
 * ```ts
 * const free = new PerCpuStack(100)
 * free.push(7)
 * free.pop() // 7
 * free.pop() // undefined
 * ```
 */
export class PerCpuStack extends RegionHolder {
  readonly #region = own(this, openRegion(this.buffer, Kind.stack))
  readonly #handle: Handle = this.#region.handle
  readonly #shards = new Shards(this.#region, 'stack')

  /**
   * Makes empty stacks.
   *
   * @param capacity - the most values on each CPU's stack, 1 or more.
   * @param options - what numbers the shards.
   * @throws TypeError if an argument has the wrong type or an option is unknown; RangeError if a value is out of range, or
   *   the memory is not available.
   */
  constructor(capacity: number, options: StackOptions = {}) {
    super(bufferFor('PerCpuStack', [capacity, options], () => newStack(capacity, options)))
  }

  /**
   * Opens stacks that another thread made.
   *
   * @param buffer - their {@link PerCpuStack.buffer}, received by `workerData` or a message.
   * @returns a new object on the memory of those stacks.
   * @throws TypeError if `buffer` is no SharedArrayBuffer.
   * @throws RangeError if `buffer` is too short, has another layout version or another kind of content, or is damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuStack {
    return new PerCpuStack(0, new AdoptedBuffer(buffer) as StackOptions)
  }

  /** The most values on each CPU's stack. */
  get capacity(): number {
    return this.#region.length - STACK_HEAD
  }

  /** What numbers the shards: the requested index, or `cpu` if the kernel has no concurrency ids. */
  get index(): IndexName {
    return this.#region.index
  }

  /**
   * Pushes a value on this CPU's stack. O(1). If another thread has stopped the CPU or this thread has no rseq, the value goes
   * to the overflow stack, which has an equal capacity and is behind a lock. A thread that pops the value sees what this
   * thread stored before the push: both threads run on that CPU, or a lock or a fence orders them.
   *
   * @param value - a finite number.
   * @returns false if the stack is full; then nothing was pushed.
   * @throws TypeError if `value` is no number; RangeError if it is not finite.
   * @throws RegionCorruptError if something has written over the memory.
   */
  push(value: number): boolean {
    if (Number.isFinite(value) && stackTryPush(this.#handle, value) === OK) return true
    return this.#pushSlow(value)
  }

  /** Repeats a push whose first attempt failed, or throws. */
  #pushSlow(value: number): boolean {
    let status = stackPush(this.#handle, checkFinite('value', value))
    if (status === Status.busy) status = waiting.stackPush(this.#handle, value)
    if (status === Status.ok || status === Status.full) return status === Status.ok
    throw remoteError(-status, 'stack')
  }

  /**
   * Pops the value that was pushed last on this CPU or, if its stack is empty, one from the overflow stack. O(1). Values on
   * the stacks of other CPUs are not found.
   *
   * @returns the value; undefined if both stacks are empty.
   * @throws RegionCorruptError if something has written over the memory.
   */
  pop(): number | undefined {
    const value = stackTryPop(this.#handle)
    return Number.isFinite(value) ? value : this.#popAfter(value)
  }

  /** Pops after an attempt that answered no value, or a word that no push stores. */
  #popAfter(answer: number): number | undefined {
    if (Number.isNaN(answer)) return this.#popSlow()
    throw remoteError(-Status.corrupt, 'stack')
  }

  /** Repeats a pop whose first attempt failed, or throws. */
  #popSlow(): number | undefined {
    let value = stackPop(this.#handle)
    if (Number.isNaN(value)) value = waiting.stackPop(this.#handle)
    if (Number.isFinite(value)) return value
    if (value === NOTHING_TO_POP) return undefined
    checkOpen(this)
    throw remoteError(Number.isNaN(value) ? -Status.contended : -Status.corrupt, 'stack')
  }

  /**
   * Pushes values[0], values[1] and so on until the stack is full, with one crossing into native code and one section for
   * each value. Other threads may push in between, and the kernel may move the thread to another CPU. O(count).
   *
   * @param values - finite numbers.
   * @param count - number of values to push; by default all.
   * @returns the number of values pushed.
   * @throws TypeError, RangeError if an argument or a value is not accepted; then nothing is pushed.
   */
  pushMany(values: Float64Array, count?: number): number {
    const end = checkArray('values', values, count)
    for (let k = 0; k < end; k++) checkFinite('values', values[k])
    return this.#shards.counted(stacks.pushMany(this.#handle, values, end))
  }

  /**
   * Pops values like {@link pop} into into[0], into[1] and so on, with one crossing into native code and one section for each
   * value. O(count).
   *
   * @param into - the array to write to.
   * @param count - the most values to pop; by default the length of `into`.
   * @returns the number of values popped.
   * @throws TypeError, RangeError if an argument is not accepted; RegionCorruptError as {@link pop}.
   */
  popMany(into: Float64Array, count?: number): number {
    return this.#shards.counted(stacks.popMany(this.#handle, into, checkArray('into', into, count)))
  }

  /** Number of values on all CPUs and the overflow stack. They are counted one after the other. O(possible CPUs). */
  get size(): number {
    return this.#shards.total
  }

  /** Returns the number of values on the stack of every possible CPU or concurrency id. */
  perCpu(): number[] {
    return this.#shards.perCpu()
  }

  /** Number of values on the overflow stack. */
  get overflow(): number {
    return this.#shards.overflow
  }

  /**
   * Pushes a value on the stack of any CPU. Stops the stack for that, with the cost and the errors of {@link onCpu}.
   *
   * @returns false if the stack is full.
   */
  pushTo(cpu: number, value: number): boolean {
    const shard = this.#shards.check(cpu)
    one[0] = checkFinite('value', value)
    return this.#shards.counted(stacks.pushOwned(this.#handle, shard, one, 1, false), shard) === 1
  }

  /**
   * Pops the value that was pushed last on a CPU. Stops the stack for that, with the cost and the errors of {@link onCpu}.
   *
   * @returns the value; undefined if the stack is empty.
   */
  popFrom(cpu: number): number | undefined {
    const shard = this.#shards.check(cpu)
    // Reading the count does not need to stop the stack.
    if (this.#shards.sizeOf(shard) === 0) return undefined
    return this.#shards.counted(stacks.popOwned(this.#handle, shard, one, 1, false), shard) === 1
      ? one[0]
      : undefined
  }

  /**
   * Pops all values of one CPU, or of all CPUs and the overflow stack. The stacks are emptied one after the other, each at
   * once; its values come in the order of pops. Other threads continue: values pushed on a stack after its turn stay.
   *
   * @param cpu - 0 to `info().possibleCpus - 1`; by default all stacks.
   * @throws the errors of {@link onCpu}.
   */
  drain(cpu?: number): Float64Array {
    const parts: Float64Array[] = []
    let into: Float64Array | undefined
    for (const shard of this.#shards.chosen(cpu)) {
      if (this.#shards.sizeOf(shard) === 0) continue
      into ??= new Float64Array(this.capacity)
      parts.push(
        into.slice(
          0,
          this.#shards.counted(stacks.popOwned(this.#handle, shard, into, into.length, false), shard),
        ),
      )
    }
    const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
      all.set(part, at)
      at += part.length
    }
    return all
  }

  /**
   * Stops the stack of a CPU for all other threads, calls `use` with it, and releases it. Meanwhile the CPU's threads use the
   * overflow stack; another `onCpu` for that CPU waits for up to ten seconds.
   *
   * Takes some microseconds, because a fence aborts the CPU's sections. If this thread is terminated in `use`, the next
   * thread that stops the CPU's stack takes it over. On the portable backend, a thread that cannot know whether this one
   * lives takes it over two seconds after the last operation of `use` (docs/ownership.md).
   *
   * @param cpu - 0 to `info().possibleCpus - 1`; with the index `concurrency`, a concurrency id.
   * @param use - a synchronous function: the stack is released when it returns, even if it returns a promise.
   * @returns the value that `use` returns.
   * @throws TypeError, RangeError if `cpu` does not exist or `use` is no function.
   * @throws Error if another thread does not release the stack within ten seconds, if this thread has stopped it already, or
   *   if the CPU cannot be stopped; RegionCorruptError if something has written over the memory; and whatever `use` throws.
   */
  onCpu<Result>(cpu: number, use: (stack: OwnedStack) => Result): Result {
    const shard = this.#shards.check(cpu)
    return whileStopped(this.#handle, shard, 'stack', use)
  }

  /** @internal */
  override [summary](): object {
    const { capacity, index, size } = this
    return { capacity, index, size }
  }
}
