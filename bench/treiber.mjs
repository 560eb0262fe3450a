// What one would write instead of PerCpuStack: Treiber's stack, one for all threads, with Atomics.

const NODE_BITS = 16
const NODE_MASK = (1 << NODE_BITS) - 1
const NONE = 0

/** Words of a stack with `nodes` nodes: the head (a node, and a tag against reuse), each node's next and its value. */
export function treiberBytes(nodes) {
  return 4 * 2 + nodes * (4 + 8)
}

/** Open in this thread. Values are pushed with a node that the caller has, and come back with it: see `take`. */
export class Treiber {
  #head
  #next
  #values

  constructor(buffer, nodes) {
    this.#values = new Float64Array(buffer, 8, nodes)
    this.#head = new Int32Array(buffer, 0, 1)
    this.#next = new Int32Array(buffer, 8 + 8 * nodes, nodes)
  }

  /** Puts a value on top, in `node`, which is above 0 and in no stack. */
  push(node, value) {
    this.#values[node] = value
    for (;;) {
      const head = Atomics.load(this.#head, 0)
      Atomics.store(this.#next, node, head & NODE_MASK)
      // The tag changes with each push: a head that is the same again is another one.
      const pushed = (((head >>> NODE_BITS) + 1) << NODE_BITS) | node | 0
      if (Atomics.compareExchange(this.#head, 0, head, pushed) === head) return
    }
  }

  /** Takes the node on top off; 0 if there is none. */
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
