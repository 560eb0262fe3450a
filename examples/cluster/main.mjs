// Four processes of node:cluster answer requests and count them in memory that they share. Every second one of them is
// killed by SIGKILL. The total stays exact: each answer that a client got is counted, and besides those at most the
// requests that were in flight when a process was killed.
// Run it: npm ci && npm run example:cluster, or from a built clone: node examples/cluster/main.mjs [SECONDS]
// With --in-process the processes count in memory of their own and report by messages: then counts get lost, and the exit
// status is 1.
import cluster from 'node:cluster'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openShared } from 'rseq/shared'
import { Clients } from './clients.mjs'

const PROCESSES = 4
const CLIENTS = 16
const SECONDS = 8
/** How often processes report by messages, with --in-process; in milliseconds. */
const REPORT = 1500

/** The processes, each with a place; whoever is killed gets a successor in its place. */
class Processes {
  #places = []
  #environment
  #onCount
  #isOver = false
  #lastKilled = -1
  killed = 0

  constructor(environment, onCount) {
    this.#environment = environment
    this.#onCount = onCount
    cluster.setupPrimary({ exec: fileURLToPath(new URL('server.mjs', import.meta.url)), args: [] })
  }

  /** Starts all processes, and waits until they listen. Returns the port of all of them. */
  async start() {
    const workers = Array.from({ length: PROCESSES }, (_, place) => this.#fork(place))
    const addresses = await Promise.all(workers.map(async (worker) => (await once(worker, 'listening'))[0]))
    return addresses[0].port
  }

  #fork(place) {
    const worker = cluster.fork({ ...this.#environment, PLACE: String(place) })
    worker.on('message', this.#onCount)
    const entry = { worker, isListening: false }
    worker.once('listening', () => (entry.isListening = true))
    this.#places[place] = entry
    return worker
  }

  /**
   * Kills one process wherever it is, and starts its successor. Returns the id of the one that dies; undefined if so many
   * are still starting, on a busy machine, that too few would be left.
   */
  killNext() {
    const listening = [...this.#places.keys()].filter((place) => this.#places[place].isListening)
    if (listening.length < 2) return undefined
    const place = listening.find((other) => other > this.#lastKilled) ?? listening[0]
    const { process } = this.#places[place].worker
    process.once('exit', () => !this.#isOver && this.#fork(place))
    this.#places[place].isListening = false
    process.kill('SIGKILL')
    this.#lastKilled = place
    this.killed++
    return process.pid
  }

  async stop() {
    this.#isOver = true
    const running = Object.values(cluster.workers)
    const ended = running.map((worker) => once(worker, 'exit'))
    for (const worker of running) worker.process.kill('SIGKILL')
    await Promise.all(ended)
  }
}

const grouped = (number) => Math.round(number).toLocaleString('en')

/** Shows the counters once a second and kills a process each time, until the time is over. */
async function watch(seconds, { requests, byPlace }, processes) {
  const begin = performance.now()
  let shown = { counted: 0, at: begin }
  for (let second = 1; second <= seconds; second++) {
    await pause(begin + 1000 * second - performance.now())
    const { counted, at } = { counted: requests.value, at: performance.now() }
    const rate = (1000 * (counted - shown.counted)) / (at - shown.at)
    shown = { counted, at }
    const victim = second < seconds ? processes.killNext() : undefined
    const news = victim === undefined ? '' : `  killed ${victim}`
    const places = Array.from(byPlace.snapshot(), (count) => grouped(count).padStart(9))
    const columns = [`${second} s`.padStart(5), grouped(counted).padStart(11), grouped(rate).padStart(9)]
    console.log(`${columns.join('')}  ${places.join('')}${news}`)
  }
}

/** Compares the total with what the clients know, and says so. Returns whether it is exact. */
function prove(counted, { confirmed, unanswered }, killed) {
  console.log(`\n${killed} processes were killed by SIGKILL.`)
  console.log(`${grouped(confirmed).padStart(11)} answers reached the clients;`)
  console.log(
    `${grouped(unanswered).padStart(11)} requests were in flight when a process was killed, and got no answer;`,
  )
  console.log(`${grouped(counted).padStart(11)} requests were counted.`)
  const isExact = counted >= confirmed && counted <= confirmed + unanswered
  if (isExact) console.log(`Exact: the answers, and ${counted - confirmed} of the requests in flight.`)
  else if (counted < confirmed) console.log(`WRONG: ${grouped(confirmed - counted)} answers are not counted.`)
  else
    console.log(`WRONG: ${grouped(counted - confirmed - unanswered)} requests are counted that nobody made.`)
  return isExact
}

/** Runs the example with counters in the given memory. Returns whether the total is exact. */
async function run(shop, seconds, inProcess) {
  const requests = shop.counter('requests')
  const byPlace = shop.counterArray('requests-by-place', PROCESSES)
  const environment = { SHOP: shop.name, ...(inProcess ? { REPORT: String(REPORT) } : {}) }
  const processes = new Processes(environment, ({ place, count }) => {
    requests.add(count)
    byPlace.add(place, count)
  })
  try {
    const port = await processes.start()
    console.log(`${PROCESSES} processes, ${CLIENTS} clients, counters in ${shop.path}\n`)
    console.log(' time   requests       1/s   by place')
    const clients = new Clients(port, CLIENTS)
    await watch(seconds, { requests, byPlace }, processes)
    await clients.stop()
    if (inProcess) await pause(2 * REPORT) // the last reports
    return prove(requests.value, clients, processes.killed)
  } finally {
    await processes.stop()
  }
}

function argumentsOf(args) {
  const { values, positionals } = parseArgs({
    args,
    options: { 'in-process': { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  const seconds = Number(positionals[0] ?? SECONDS)
  if (Number.isInteger(seconds) && seconds >= 2) return { seconds, inProcess: values['in-process'] }
  throw new RangeError(`SECONDS: expected a whole number of at least 2, got ${positionals[0]}`)
}

const { seconds, inProcess } = argumentsOf(process.argv.slice(2))
const shop = openShared(`cluster-example-${process.pid}`)
const remove = () => rmSync(shop.path, { recursive: true, force: true })
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    remove()
    process.exit(1)
  })
}
try {
  process.exitCode = (await run(shop, seconds, inProcess)) ? 0 : 1
} finally {
  remove()
}
