// The usual mutex in JavaScript, with three states: free, locked, or locked with waiters.
const SPINS = 100

export class JsMutex {
  #words

  constructor(buffer) {
    this.#words = new Int32Array(buffer)
  }

  lock() {
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.compareExchange(this.#words, 0, 0, 1) === 0) return
    }
    while (Atomics.exchange(this.#words, 0, 2) !== 0) Atomics.wait(this.#words, 0, 2)
  }

  unlock() {
    if (Atomics.exchange(this.#words, 0, 0) === 2) Atomics.notify(this.#words, 0, 1)
  }
}
