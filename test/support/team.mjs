// Typed by team.d.mts; JavaScript, because the programs of programs/ use it as well.
import { Worker } from 'node:worker_threads'

/** Turns of the event loop after which a Worker that makes no progress is terminated all the same. */
const MOST_TURNS = 10_000_000

export function startWorker(file, workerData, env = {}) {
  const url = new URL(`workers/${file}.mjs`, import.meta.url)
  return new Worker(url, { workerData, env: { ...process.env, ...env } })
}

/** A Worker, and promises of the two things that `workers/team.mjs` lets it say. */
function startMember(file, workerData, env) {
  const worker = startWorker(file, workerData, env)
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  const message = (name) => {
    const promise = new Promise((resolve, reject) => {
      worker.on('message', (message) => {
        if (name in message) resolve(message[name])
      })
      worker.on('error', reject)
      worker.on('exit', (code) => reject(new Error(`the worker ended with ${code} and no ${name}`)))
    })
    // No caller awaits the report of a terminated worker.
    promise.catch(() => undefined)
    return promise
  }
  return { worker, ended, hello: message('hello'), report: message('report') }
}

export class Team {
  #members
  #signals

  constructor(members, hellos, signals) {
    this.#members = members
    this.#signals = signals
    this.hellos = hellos
  }

  static async lineUp(file, size, { data = () => ({}), env = () => ({}) } = {}) {
    const signals = new Int32Array(new SharedArrayBuffer(8))
    const members = Array.from({ length: size }, (_, i) => startMember(file, { signals, ...data(i) }, env(i)))
    const hellos = await Promise.all(members.map(({ hello }) => hello))
    return new Team(members, hellos, signals)
  }

  go() {
    Atomics.store(this.#signals, 0, 1)
    Atomics.notify(this.#signals, 0)
  }

  stop() {
    Atomics.store(this.#signals, 1, 1)
  }

  async terminate(i) {
    await this.#members[i].worker.terminate()
  }

  async terminateAtMoments(progress, most) {
    const ends = []
    for (let i = 0; i < this.#members.length; i++) {
      const moment = 1 + Math.floor(Math.random() * most)
      for (let turns = 0; progress(i) < moment && turns < MOST_TURNS; turns++) await turn()
      // Nobody waits for one before the next: an end may take long.
      ends.push(this.terminate(i))
    }
    await Promise.all(ends)
  }

  async reports() {
    const reports = await Promise.all(this.#members.map(({ report }) => report))
    await Promise.all(this.#members.map(({ ended }) => ended))
    return reports
  }

  async run() {
    this.go()
    return this.reports()
  }
}

export function turn() {
  return new Promise((resolve) => setImmediate(resolve))
}
