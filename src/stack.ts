import { backend } from './backend.js'
import { checkArray, checkChoice, checkFinite, checkInteger, checkObject } from './errors.js'
import { INDEXES, type IndexName, Kind, MAX_LENGTH, STACK_HEAD, Status } from './layout.js'
import { type Handle, NOTHING_TO_POP } from './operations.js'
import { type OwnedStack, whileStopped } from './owned-stack.js'
import { AdoptedBuffer, OverBuffer, createRegion, openRegion } from './region.js'
import { remoteError } from './remote-errors.js'
import { Shards } from './shards.js'

/** Options of a new {@link PerCpuStack}. */
export interface StackOptions {
  /** What numbers the shards: the `cpu` (the default) or the `concurrency` id; see {@link CounterOptions}. */
  index?: IndexName
}

const { stackPush, stackPop, stackTryPush, stackTryPop } = backend.operations
const { stacks } = backend

/** A constant of this module: see counters.ts. */
const OK = Status.ok

const MAX_CAPACITY = MAX_LENGTH - STACK_HEAD

/** For the operations on one value. */
const one = new Float64Array(1)

function newStack(capacity: unknown, options: unknown): SharedArrayBuffer {
  const length = checkInteger('capacity', capacity, 1, MAX_CAPACITY) + STACK_HEAD
  const { index }: StackOptions = checkObject('options', options, "an object such as { index: 'cpu' }")
  return createRegion(Kind.stack, length, 'f64', checkChoice('index', index, INDEXES))
}

/**
 * A stack of numbers for each CPU, bounded, that worker threads share: for what a thread frees and the next thread on
 * that CPU takes, warm in its cache. The numbers may be indexes, offsets, handles: any finite ones.
 *
 * {@link push} and {@link pop} are one restartable sequence each, on the stack of the CPU that runs the thread. What is
 * pushed on one CPU is not found by a pop on another: {@link popFrom}, {@link drain} and {@link onCpu} get there. A
 * value may be popped on its CPU in any thread, once; a thread that is terminated in the middle loses nothing that `push`
 * had returned from.
 *
 * It takes (possible CPUs + 1) x (8 x (capacity + 2), rounded up to 128) bytes and at most 256 more.
 *
 * @example
 * ```ts
 * const free = new PerCpuStack(100)
 * free.push(7)
 * free.pop() // 7
 * free.pop() // undefined
 * ```
 */
export class PerCpuStack extends OverBuffer {
  readonly #region = openRegion(this.buffer, Kind.stack)
  readonly #handle: Handle = this.#region.handle
  readonly #shards = new Shards(this.#region, 'stack')

  /**
   * Empty stacks.
   *
   * @param capacity - how many values each CPU's stack holds, 1 or more.
   * @throws TypeError, RangeError for a capacity or an option that does not exist.
   */
  constructor(capacity: number, options: StackOptions = {}) {
    super(options instanceof AdoptedBuffer ? options.buffer : newStack(capacity, options))
  }

  /**
   * Opens the stacks that another thread made.
   *
   * @param buffer - their {@link buffer}, as received by `workerData` or a message.
   * @throws TypeError if it is no SharedArrayBuffer.
   * @throws RangeError if it is too short, made by another layout version, of another kind, or damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuStack {
    return new PerCpuStack(0, new AdoptedBuffer(buffer) as StackOptions)
  }

  /** How many values each CPU's stack holds. */
  get capacity(): number {
    return this.#region.length - STACK_HEAD
  }

  /** What numbers the shards: as asked for, but `cpu` where the kernel has no concurrency id. */
  get index(): IndexName {
    return this.#region.index
  }

  /**
   * Pushes a value on this CPU's stack. False if it is full: then nothing was pushed. O(1).
   *
   * Where sections cannot serve (another thread has stopped the CPU, or this one has no rseq), the value goes to the
   * overflow stack, of the same capacity and behind a lock.
   *
   * @param value - a finite number.
   * @throws TypeError, RangeError if it is something else.
   * @throws RegionCorruptError if something has written over the memory.
   */
  push(value: number): boolean {
    if (Number.isFinite(value) && stackTryPush(this.#handle, value) === OK) return true
    return this.#pushAnyhow(value)
  }

  /** Pushes what one attempt did not, or says why not. */
  #pushAnyhow(value: number): boolean {
    const status = stackPush(this.#handle, checkFinite('value', value))
    if (status === Status.ok || status === Status.full) return status === Status.ok
    throw remoteError(-status, 'stack')
  }

  /**
   * Takes the value that was pushed last on this CPU; where it has none, one from the overflow stack. Undefined if there
   * is neither, whatever other CPUs have. O(1).
   *
   * @throws RegionCorruptError if something has written over the memory.
   */
  pop(): number | undefined {
    const value = stackTryPop(this.#handle)
    return Number.isNaN(value) ? this.#popAnyhow() : value
  }

  /** Pops what one attempt did not, or says why not. */
  #popAnyhow(): number | undefined {
    const value = stackPop(this.#handle)
    if (Number.isFinite(value)) return value
    if (value === NOTHING_TO_POP) return undefined
    throw remoteError(Number.isNaN(value) ? -Status.contended : -Status.corrupt, 'stack')
  }

  /**
   * Pushes values[0], values[1] and so on, as far as there is room: one crossing into native code, a section for each.
   * Others may push in between, and the thread may be moved to another CPU.
   *
   * @param count - how many of them, by default all.
   * @returns how many were pushed.
   * @throws TypeError, RangeError if one of them is no finite number: then none is pushed.
   */
  pushMany(values: Float64Array, count?: number): number {
    const end = checkArray('values', values, count)
    for (let k = 0; k < end; k++) checkFinite('values', values[k])
    return this.#shards.counted(stacks.pushMany(this.#handle, values, end))
  }

  /**
   * Pops into into[0], into[1] and so on, as {@link pop} does: one crossing, a section for each.
   *
   * @param count - how many at most, by default the array's length.
   * @returns how many there were.
   */
  popMany(into: Float64Array, count?: number): number {
    return this.#shards.counted(stacks.popMany(this.#handle, into, checkArray('into', into, count)))
  }

  /** How many values there are, on all CPUs and in the overflow stack. O(possible CPUs), one after the other. */
  get size(): number {
    return this.#shards.total
  }

  /** How many values each CPU's stack has. One element for every possible CPU, or concurrency id. */
  perCpu(): number[] {
    return this.#shards.perCpu()
  }

  /** How many values are in the overflow stack. */
  get overflow(): number {
    return this.#shards.overflow
  }

  /** Pushes a value on the stack of a CPU, as {@link onCpu} would. False if it is full. */
  pushTo(cpu: number, value: number): boolean {
    const shard = this.#shards.check(cpu)
    one[0] = checkFinite('value', value)
    return this.#shards.counted(stacks.give(this.#handle, shard, one, 1, false), shard) === 1
  }

  /** Takes the value that was pushed last on a CPU, as {@link onCpu} would; undefined if it has none. */
  popFrom(cpu: number): number | undefined {
    const shard = this.#shards.check(cpu)
    // An empty one need not be stopped to see that.
    if (this.#shards.sizeOf(shard) === 0) return undefined
    return this.#shards.counted(stacks.take(this.#handle, shard, one, 1, false), shard) === 1
      ? one[0]
      : undefined
  }

  /**
   * Takes all values: of one CPU, or of all and of the overflow stack, one after the other. Each CPU's come at once,
   * pushed last first. Others go on meanwhile: what they push after their CPU's turn stays.
   *
   * @throws as {@link onCpu}.
   */
  drain(cpu?: number): Float64Array {
    const { count: shards } = this.#shards
    const first = cpu === undefined ? 0 : this.#shards.check(cpu)
    const last = cpu === undefined ? shards : first
    const parts: Float64Array[] = []
    let into: Float64Array | undefined
    for (let shard = first; shard <= last; shard++) {
      if (this.#shards.sizeOf(shard) === 0) continue
      into ??= new Float64Array(this.capacity)
      parts.push(
        into.slice(
          0,
          this.#shards.counted(stacks.take(this.#handle, shard, into, into.length, false), shard),
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
   * Stops the stack of a CPU for everybody else, calls `use` with it, and lets it go. Meanwhile the CPU's own threads
   * push to and pop from the overflow stack; another `onCpu` for that CPU waits, up to ten seconds.
   *
   * Some microseconds: the CPU's sections are ended by a fence. If this thread is terminated in `use`, the next
   * who wants the CPU's stack takes it over; on the portable backend, which cannot see that, two seconds after the last
   * operation of `use`, which is why `use` must not wait for something that long.
   *
   * @param cpu - 0 to `info().possibleCpus - 1`; with the index `concurrency`, that id.
   * @param use - must be done when it returns: the stack is let go then, a promise or not.
   * @returns what `use` returns.
   * @throws Error if another thread does not let go, this thread has stopped the CPU's stack already, or there is no
   *   way to stop it; RegionCorruptError if something has written over the memory; and what `use` throws.
   */
  onCpu<Result>(cpu: number, use: (stack: OwnedStack) => Result): Result {
    const shard = this.#shards.check(cpu)
    return whileStopped(this.#handle, shard, 'stack', use)
  }
}
