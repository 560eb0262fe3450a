import { Described, summary } from '../core/describe.js'
import { backend } from '../runtime/backend.js'
import { checkArray, checkFinite, typeError } from '../core/errors.js'
import { Status } from '../core/layout.js'
import type { Handle } from '../core/operations.js'
import { remoteError } from '../runtime/remote-errors.js'

const { stacks } = backend

/** The array that operations on one value pass. */
const one = new Float64Array(1)

/**
 * Stops a CPU's shard, calls `use` with it, and releases it.
 *
 * @param what - the name of the structure in errors.
 */
export function whileStopped<Result>(
  handle: Handle,
  shard: number,
  what: string,
  use: (stack: OwnedStack) => Result,
): Result {
  if (typeof use !== 'function') throw typeError('use', 'a function', use)
  const status = stacks.stop(handle, shard)
  if (status < 0) throw remoteError(status, what, shard)
  const owned = new OwnedStack(handle, shard, what)
  try {
    return use(owned)
  } finally {
    owned.end()
    stacks.resume(handle, shard)
  }
}

/**
 * One CPU's stack while this thread is its only user: {@link PerCpuStack.onCpu} passes it to its function. After that
 * function has returned, every call throws an Error.
 */
export class OwnedStack extends Described {
  /** The CPU (or concurrency id) that the stack belongs to. */
  readonly cpu: number
  readonly #handle: Handle
  readonly #what: string
  #ended = false

  /** @internal */
  constructor(handle: Handle, cpu: number, what: string) {
    super()
    this.#handle = handle
    this.cpu = cpu
    this.#what = what
  }

  /** @internal */
  end(): void {
    this.#ended = true
  }

  /** Checks that the stack is still stopped by this object: another `onCpu` of this thread may own it now. */
  #own(): Handle {
    if (this.#ended) throw remoteError(-Status.notOwner, this.#what, this.cpu)
    return this.#handle
  }

  /** @internal */
  counted(answer: number): number {
    if (answer < 0) throw remoteError(answer, this.#what, this.cpu)
    return answer
  }

  /** @internal Pushes a value. Answers a count, or -Status. */
  pushOwned(value: number): number {
    one[0] = value
    return stacks.pushOwned(this.#own(), this.cpu, one, 1, true)
  }

  /** Number of values on the stack. */
  get size(): number {
    // Throws if this thread is not the owner any more.
    this.counted(stacks.popOwned(this.#own(), this.cpu, one, 0, true))
    return this.counted(stacks.size(this.#own(), this.cpu))
  }

  /** Pushes a finite number on this stack; false if the stack is full. O(1). */
  push(value: number): boolean {
    return this.counted(this.pushOwned(checkFinite('value', value))) === 1
  }

  /** Pops the value that was pushed last on this stack; undefined if the stack is empty. O(1). */
  pop(): number | undefined {
    return this.counted(stacks.popOwned(this.#own(), this.cpu, one, 1, true)) === 1 ? one[0] : undefined
  }

  /** Works like {@link PerCpuStack.pushMany} on this stack; no other thread's values come in between. */
  pushMany(values: Float64Array, count?: number): number {
    const end = checkArray('values', values, count)
    for (let k = 0; k < end; k++) checkFinite('values', values[k])
    return this.counted(stacks.pushOwned(this.#own(), this.cpu, values, end, true))
  }

  /** Works like {@link PerCpuStack.popMany} on this stack; no other thread's values come in between. */
  popMany(into: Float64Array, count?: number): number {
    return this.counted(stacks.popOwned(this.#own(), this.cpu, into, checkArray('into', into, count), true))
  }

  /** @internal */
  override [summary](): object {
    const { cpu, size } = this
    return { cpu, size }
  }
}
