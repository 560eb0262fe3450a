import { checkInteger } from './errors.js'
import type { OwnedStack } from './owned-stack.js'

/**
 * One CPU's list while this thread is its only user: what the function given to {@link PerCpuList.onCpu} gets.
 * Of no use after that function has returned: then every call throws.
 */
export class OwnedList {
  /** Whose list it is. */
  readonly cpu: number
  /** The same operations, on numbers that are nodes. */
  readonly #owned: OwnedStack
  readonly #nodes: number

  /** @internal */
  constructor(owned: OwnedStack, nodes: number) {
    this.cpu = owned.cpu
    this.#owned = owned
    this.#nodes = nodes
  }

  /** How many nodes it holds. O(nodes). */
  get size(): number {
    return this.#owned.size
  }

  /** As {@link PerCpuList.push}, there. */
  push(node: number): void {
    this.#owned.push(checkInteger('node', node, 0, this.#nodes - 1))
  }

  /** As {@link PerCpuList.pop}, there. */
  pop(): number {
    return this.#owned.pop() ?? -1
  }
}
