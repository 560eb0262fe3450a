// A heap of plain loads and stores in shared memory: a stack of the numbers of free blocks, all of one size. The control of
// the race tests: two threads get one block.

const BLOCK = 16_384
const UNIT = 2
const HEAD = 1
/** Between a load and the store that depends on it: long enough for another thread to come in between. */
const SPINS = 50

export class PlainHeap {
  #words
  #blocks
  #buffer

  /** A buffer of so many blocks, all free. */
  static bufferOf(blocks) {
    const buffer = new SharedArrayBuffer(blocks * (BLOCK + 8) + 8)
    const words = new Float64Array(buffer, blocks * BLOCK)
    words[0] = blocks
    for (let k = 0; k < blocks; k++) words[HEAD + k] = (k * BLOCK) / UNIT
    return buffer
  }

  constructor(buffer) {
    this.#buffer = buffer
    this.#blocks = Math.floor((buffer.byteLength - 8) / (BLOCK + 8))
    this.#words = new Float64Array(buffer, this.#blocks * BLOCK)
  }

  alloc() {
    const words = this.#words
    const count = words[0]
    if (!(count >= 1)) return -1
    const block = words[HEAD + count - 1]
    this.#wait()
    words[0] = count - 1
    return block
  }

  free(block) {
    const words = this.#words
    const count = words[0]
    if (!(count < this.#blocks)) return
    words[HEAD + count] = block
    this.#wait()
    words[0] = count + 1
  }

  view(block) {
    return new Uint8Array(this.#buffer, block * UNIT, BLOCK)
  }

  #wait() {
    for (let spin = 0; spin < SPINS; spin++) Atomics.load(new Int32Array(this.#buffer), 0)
  }
}
