import { backend } from './backend.js'
import { checkArray, checkFinite, typeError } from './errors.js'
import { Status } from './layout.js'
import type { Handle } from './operations.js'
import { remoteError } from './remote-errors.js'

const { stacks } = backend

/** For the operations on one value. */
const one = new Float64Array(1)

/**
 * Stops a CPU's shard, calls `use` with it, and lets it go.
 *
 * @param what - the structure, in errors.
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
 * One CPU's stack while this thread is its only user: what the function given to {@link PerCpuStack.onCpu} gets.
 * Of no use after that function has returned: then every call throws.
 */
export class OwnedStack {
  /** Whose stack it is. */
  readonly cpu: number
  readonly #handle: Handle
  readonly #what: string
  #ended = false

  /** @internal */
  constructor(handle: Handle, cpu: number, what: string) {
    this.#handle = handle
    this.cpu = cpu
    this.#what = what
  }

  /** @internal */
  end(): void {
    this.#ended = true
  }

  /** Checked before each operation: another `onCpu` of this thread may own the same stack by now. */
  #own(): Handle {
    if (this.#ended) throw remoteError(-Status.notOwner, this.#what, this.cpu)
    return this.#handle
  }

  #counted(answer: number): number {
    if (answer < 0) throw remoteError(answer, this.#what, this.cpu)
    return answer
  }

  /** How many values it holds. */
  get size(): number {
    // Asks for the ownership, too.
    this.#counted(stacks.take(this.#own(), this.cpu, one, 0, true))
    return this.#counted(stacks.size(this.#own(), this.cpu))
  }

  /** As {@link PerCpuStack.push}, there. */
  push(value: number): boolean {
    one[0] = checkFinite('value', value)
    return this.#counted(stacks.give(this.#own(), this.cpu, one, 1, true)) === 1
  }

  /** As {@link PerCpuStack.pop}, there. */
  pop(): number | undefined {
    return this.#counted(stacks.take(this.#own(), this.cpu, one, 1, true)) === 1 ? one[0] : undefined
  }

  /** As {@link PerCpuStack.pushMany}, there, and all at once. */
  pushMany(values: Float64Array, count?: number): number {
    const end = checkArray('values', values, count)
    for (let k = 0; k < end; k++) checkFinite('values', values[k])
    return this.#counted(stacks.give(this.#own(), this.cpu, values, end, true))
  }

  /** As {@link PerCpuStack.popMany}, there, and all at once. */
  popMany(into: Float64Array, count?: number): number {
    return this.#counted(stacks.take(this.#own(), this.cpu, into, checkArray('into', into, count), true))
  }
}
