// Lets at most so many requests a second through, in as many workers as there are: each CPU has tokens of its own, and
// a decision is one restartable sequence. Now and then the main thread gives every CPU new tokens, by what was
// asked for there. What is let through can never be more than was given.
// Run it: node examples/rate-limit.mjs [REQUESTS_PER_SECOND] [MILLISECONDS]
import { setTimeout as pause } from 'node:timers/promises'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { PerCpuArray } from 'rseq'

const TOKENS = 0
const WINDOW_MS = 20

/** In any thread. A word below 1 says no, and how often it has said so. */
const isAllowed = (words) => words.add(TOKENS, -1) > 0

function work({ buffer, stop }) {
  const words = PerCpuArray.from(buffer)
  let [allowed, denied] = [0, 0]
  while (Atomics.load(stop, 0) === 0) {
    if (isAllowed(words)) allowed++
    else denied++
    for (let k = 0; k < 1000; k++) Atomics.load(stop, 0) // the request itself
  }
  parentPort.postMessage({ allowed, denied })
}

/** Deals out a window's tokens, as often as its time has come. */
class Dealer {
  given = 0
  #words
  /** Every CPU, and the overflow words: a CPU like the others. */
  #shards
  #shares
  #demands
  #begin = performance.now()

  constructor(words) {
    this.#words = words
    this.#shards = [...words.perCpu(TOKENS).keys(), 'overflow']
    this.#shares = this.#shards.map(() => 0)
    this.#demands = this.#shards.map(() => 0)
  }

  /** Tokens that nobody took are gone; those who were denied count for the next window. */
  deal(perSecond) {
    const due = Math.floor(((performance.now() - this.#begin) * perSecond) / 1000) - this.given
    // One more, so that a worker without requests has tokens for its next request.
    const demands = this.#demands.map((demand) => 1 + Math.max(0, demand))
    const all = demands.reduce((sum, demand) => sum + demand, 0)
    this.#shards.forEach((shard, k) => {
      const share = Math.floor((due * demands[k]) / all)
      const left = this.#words.onCpu(shard, (owned) => owned.exchange(TOKENS, share))
      this.#demands[k] = this.#shares[k] - left
      this.#shares[k] = share
      this.given += share
    })
  }
}

async function main() {
  const [perSecond, milliseconds] = [Number(process.argv[2] ?? 10_000), Number(process.argv[3] ?? 400)]
  const words = new PerCpuArray(1)
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const workers = Array.from(
    { length: 4 },
    () => new Worker(new URL(import.meta.url), { workerData: { buffer: words.buffer, stop } }),
  )
  const reports = Promise.all(
    workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))),
  )
  const dealer = new Dealer(words)
  const end = performance.now() + milliseconds
  while (performance.now() < end) {
    dealer.deal(perSecond)
    await pause(WINDOW_MS)
  }
  Atomics.store(stop, 0, 1)
  const sum = (name, all) => all.reduce((total, report) => total + report[name], 0)
  const all = await reports
  const allowed = sum('allowed', all)
  console.log(`${allowed} let through of ${dealer.given} tokens given, ${sum('denied', all)} denied`)
  if (allowed > dealer.given) throw new Error('more than were given')
}

if (isMainThread) await main()
else work(workerData)
