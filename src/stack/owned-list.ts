import { Described, summary } from '../core/describe.js'
import { checkInteger } from '../core/errors.js'
import { Status } from '../core/layout.js'
import type { OwnedStack } from './owned-stack.js'

/** What to throw for a node that a checked list found on a list. */
export function listedError(node: number): RangeError {
  return new RangeError(`node: expected one that is on no list, got ${node}, which was pushed already`)
}

/**
 * One CPU's list while this thread is its only user: {@link PerCpuList.onCpu} passes it to its function. After that function
 * has returned, every call throws an Error.
 */
export class OwnedList extends Described {
  /** The CPU (or concurrency id) that the list belongs to. */
  readonly cpu: number
  /** Makes the operations: to it, nodes are numbers. */
  readonly #owned: OwnedStack
  readonly #nodes: number

  /** @internal */
  constructor(owned: OwnedStack, nodes: number) {
    super()
    this.cpu = owned.cpu
    this.#owned = owned
    this.#nodes = nodes
  }

  /** Number of nodes on the list. O(nodes). */
  get size(): number {
    return this.#owned.size
  }

  /** Pushes a node on this list. O(1). Arguments and errors as of {@link PerCpuList.push}. */
  push(node: number): void {
    checkInteger('node', node, 0, this.#nodes - 1)
    const answer = this.#owned.pushOwned(node)
    if (answer === -Status.listed) throw listedError(node)
    this.#owned.counted(answer)
  }

  /** Pops the node that was pushed last on this list; -1 if the list is empty. O(1). */
  pop(): number {
    return this.#owned.pop() ?? -1
  }

  /** @internal */
  override [summary](): object {
    const { cpu, size } = this
    return { cpu, size }
  }
}
