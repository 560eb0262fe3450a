// The usual alternative to PerCpuStack: one Treiber stack, made with Atomics, for all threads.

const NODE_BITS = 16
const NODE_MASK = (1 << NODE_BITS) - 1
const NONE = 0

/** Returns the bytes of a stack of `nodes` nodes: the head (a node and a tag against reuse), and each node's link and value. */
export function treiberBytes(nodes) {
  return 4 * 2 + nodes * (4 + 8)
}

/** A stack, opened in this thread. The caller of `push` provides a node for the value; the caller of `pop` gets that node. */
export class Treiber {
  #head
  #next
  #values

  constructor(buffer, nodes) {
    this.#values = new Float64Array(buffer, 8, nodes)
    this.#head = new Int32Array(buffer, 0, 1)
    this.#next = new Int32Array(buffer, 8 + 8 * nodes, nodes)
  }

  /** Pushes a value in `node`, which must be above 0 and in no stack. */
  push(node, value) {
    this.#values[node] = value
    for (;;) {
      const head = Atomics.load(this.#head, 0)
      Atomics.store(this.#next, node, head & NODE_MASK)
      // The tag changes with each push, so that an equal node number does not hide a change (ABA).
      const pushed = (((head >>> NODE_BITS) + 1) << NODE_BITS) | node | 0
      if (Atomics.compareExchange(this.#head, 0, head, pushed) === head) return
    }
  }

  /** Pops the node on top, and returns it; 0 if the stack is empty. */
  pop() {
    for (;;) {
      const head = Atomics.load(this.#head, 0)
      const node = head & NODE_MASK
      if (node === NONE) return NONE
      const next = Atomics.load(this.#next, node)
      if (Atomics.compareExchange(this.#head, 0, head, (head & ~NODE_MASK) | next) === head) return node
    }
  }

  valueOf(node) {
    return this.#values[node]
  }
}
