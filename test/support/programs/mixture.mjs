// Uses every structure that processes share, and counts what it did.

export const UNITS = 60
export const POOL = { blocks: UNITS, blockSize: 64, cache: 8 }
export const LIST = { nodes: UNITS, payloadSize: 8 }
export const RING = 1 << 16
/** Words of the notes: rounds of each process, additions without any lock, and additions under locks. */
export const NOTE = { rounds: 0, plain: 8, mutexed: 9, shadow: 10, two: 11, locked: 16 }

export class Mixture {
  #objects
  #number
  #words
  #held = []
  #left = 0
  #written = 0

  constructor(shop, number, words) {
    this.#number = number
    this.#words = words
    this.#objects = {
      whole: shop.counter('whole'),
      halves: shop.counter('halves', { type: 'f64' }),
      many: shop.counterArray('many', 4),
      times: shop.histogram('times'),
      array: shop.array('array', 4),
      stack: shop.stack('stack', 1000),
      list: shop.list('list', LIST),
      pool: shop.pool('pool', POOL),
      ring: shop.ring('ring', RING),
      mutex: shop.mutex('mutex'),
      locks: shop.cpuLock('locks'),
    }
  }

  /** Calls `lock`, whose last owner may have died in the middle of what it did: then `repair` comes first. */
  #owned(lock, repair) {
    try {
      return lock()
    } catch (error) {
      if (error.name !== 'OwnerDiedError') throw error
      repair()
      return error.cpu
    }
  }

  round() {
    const { whole, halves, many, times, array, stack, list, pool, ring, mutex, locks } = this.#objects
    const words = this.#words
    const turn = words[this.#number]
    words[NOTE.plain]++
    whole.add(1)
    halves.add(0.5)
    many.add(turn % 4, 1)
    times.record(100)
    array.add(turn % 4, 1)
    // The thread may be moved to another CPU in between, whose stack has another number of values.
    if (stack.push(1)) this.#left++
    if (stack.pop() !== undefined) this.#left--
    const block = pool.alloc()
    if (block !== -1) {
      // Two owners of a block would see each other here.
      const view = new Uint32Array(pool.view(block).buffer, pool.view(block).byteOffset, 1)
      view[0] = this.#number + 1
      this.#held.push([block, view])
    }
    while (this.#held.length > 5 || (block === -1 && this.#held.length > 0)) {
      const [freed, view] = this.#held.shift()
      if (view[0] !== this.#number + 1) words[NOTE.two]++
      pool.free(freed)
    }
    const node = list.pop()
    if (node !== -1) list.push(node)
    if (ring.write(Uint8Array.of(this.#number))) this.#written++
    this.#owned(
      () => mutex.lock(),
      () => (words[NOTE.mutexed] = words[NOTE.shadow]),
    )
    words[NOTE.mutexed]++
    words[NOTE.shadow]++
    if (words[NOTE.mutexed] !== words[NOTE.shadow]) words[NOTE.two]++
    mutex.unlock()
    const cpu = this.#owned(
      () => locks.lockThisCpu(),
      () => undefined,
    )
    words[NOTE.locked + cpu]++
    locks.unlock(cpu)
    words[this.#number]++
  }

  done() {
    for (const [block] of this.#held.splice(0)) this.#objects.pool.free(block)
    return { left: this.#left, written: this.#written }
  }
}
