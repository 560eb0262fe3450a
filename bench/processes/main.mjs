// npm run bench:processes -- [--rounds N] [--check] [--json FILE]
//
// What counting costs where several processes share the memory, in CPU time. Each round runs all tasks once, one after the
// other; a ratio is of figures of one round. The processes are tied to CPUs of their own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { openShared } from '../../lib/shared/index.js'
import { machine } from '../machine.mjs'
import { textOf } from '../report.mjs'
import { spread } from '../statistics.mjs'
import { measureScrapes } from './scrape.mjs'

const ADDITIONS = 3_000_000
const MESSAGES = 2_000
const OBJECTS = 1_000
/** Of a task's time in each process, how much must be at the time of the other one's. */
const LEAST_OVERLAP = 0.8
const MOST_ATTEMPTS = 8
const PATIENCE_MS = 60_000

function wholeNumber(text) {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number above 0')
  return value
}

const options = new Command('bench:processes')
  .description('Measures counting in memory that processes share.')
  .option('--rounds <n>', 'how many rounds', wholeNumber, 15)
  .option('--check', 'exit status 1 if a bound is missed')
  .option('--json <file>', 'write the results as JSON, too')
  .parse()
  .opts()

const directory = mkdtempSync('/dev/shm/rseq-bench-')
const service = openShared('bench', { directory })
const start = new Int32Array(service.array('start', 16, { element: 'i32' }).buffer)
const GO = start.length - 16
let turn = 0

const micros = ({ user, system }) => user + system

/** A process on a CPU of its own, and what it sends. */
class Member {
  #child
  #received = []
  #wake = () => {}
  /** How many messages of the task `send` have come. */
  sent = 0

  constructor(cpu) {
    const program = join(import.meta.dirname, 'member.mjs')
    this.#child = spawn('taskset', ['-c', String(cpu), process.execPath, program, directory], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child.on('message', (message) => {
      if ('value' in message) this.sent++
      else {
        this.#received.push(message)
        this.#wake()
      }
    })
  }

  async next() {
    const end = performance.now() + PATIENCE_MS
    while (this.#received.length === 0) {
      if (this.#child.exitCode !== null || performance.now() > end)
        throw new Error('a process of the benchmark ended')
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, 1000)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return this.#received.shift()
  }

  tell(message) {
    this.#child.send(message)
  }

  async end() {
    if (this.#child.exitCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }
}

/** Runs a task in some processes at once. Returns nanoseconds of CPU time for each operation; null if it took too many attempts. */
async function run(members, task, n) {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const cost = await runOnce(members, task, n)
    if (cost !== null) return cost
  }
  return null
}

/** Makes one attempt, whose result is null if the processes did not run at once. */
async function runOnce(members, task, n) {
  turn++
  for (const member of members) member.tell({ task, n, turn })
  for (const member of members) await member.next()
  Atomics.store(start, GO, turn)
  const answers = []
  for (const member of members) answers.push(await member.next())
  const [from, to] = [Math.max(...answers.map((a) => a.from)), Math.min(...answers.map((a) => a.to))]
  const isAtOnce = answers.every((answer) => to - from >= LEAST_OVERLAP * (answer.to - answer.from))
  const spent = answers.reduce((all, answer) => all + answer.spent, 0)
  return members.length === 1 || isAtOnce ? (spent * 1000) / (n * members.length) : null
}

/** Returns nanoseconds of both processes' CPU time for a number that one sends and the other receives. */
async function runSends(member) {
  const had = member.sent
  const before = process.cpuUsage()
  const cost = await run([member], 'send', MESSAGES)
  if (member.sent - had !== MESSAGES) throw new Error(`sent ${MESSAGES}, received ${member.sent - had}`)
  return cost + (micros(process.cpuUsage(before)) * 1000) / MESSAGES
}

/** Returns milliseconds of CPU time for opening so many objects that are there, as a process does that joins. */
function opening() {
  const other = openShared('bench', { directory })
  const before = process.cpuUsage()
  for (let k = 0; k < OBJECTS; k++) other.counter(`object${k}`)
  return micros(process.cpuUsage(before)) / 1000
}

const ROWS = [
  {
    title: 'counter.add(1), two processes / one',
    value: ({ counter, counters }) => counters / counter,
    most: 1.1,
  },
  {
    title: 'counter.add(1) / Atomics.add on one word, two processes',
    value: ({ counters, atomics }) => counters / atomics,
    most: 0.25,
  },
  {
    title: 'an addition that another process sees / process.send of a number, both ends',
    value: ({ counter, send }) => counter / send,
    most: 1 / 500,
  },
  { title: `opening ${OBJECTS} objects, ms of CPU time`, value: ({ open }) => open, most: 200 },
]

const SCRAPE = {
  title: "clusterMetrics() of 4 workers with 10,000 series, primary's CPU time / prom-client",
  most: 1 / 50,
}

function judge({ title, most }, values) {
  const measured = spread(values)
  return { title, most, measured, isHeld: measured.median <= most }
}

async function main() {
  if (availableParallelism() < 2) {
    console.error('bench:processes: this needs two CPUs')
    return 1
  }
  for (let k = 0; k < OBJECTS; k++) service.counter(`object${k}`)
  const members = [0, 1].map((cpu) => new Member(cpu))
  const begun = performance.now()
  try {
    for (const member of members) await member.next()
    const rounds = []
    for (let round = 0; round <= options.rounds; round++) {
      const figures = {
        counter: await run([members[round % 2]], 'counter', ADDITIONS),
        counters: await run(members, 'counter', ADDITIONS),
        atomics: await run(members, 'atomics', ADDITIONS),
        send: await runSends(members[round % 2]),
        open: opening(),
      }
      // The first one compiles.
      if (round > 0) rounds.push(figures)
    }
    const complete = rounds.filter((figures) => !Object.values(figures).includes(null))
    const scrapes = await measureScrapes(directory)
    const verdicts = [
      ...ROWS.map((row) => judge(row, complete.map(row.value))),
      judge(
        SCRAPE,
        scrapes.map(({ ours, theirs }) => ours / theirs),
      ),
    ]
    const results = {
      ...{
        machine: machine(),
        rounds: rounds.length,
        slowRounds: 0,
        contenders: [],
        occasional: [],
        verdicts,
      },
      seconds: (performance.now() - begun) / 1000,
      figures: rounds,
      scrapes,
    }
    console.log(textOf(results))
    const names = ['counter', 'counters', 'atomics', 'send']
    const median = (name) =>
      spread(rounds.map((one) => one[name]).filter((n) => n !== null)).median.toFixed(1)
    console.log(`\nns of CPU time, medians: ${names.map((name) => `${name} ${median(name)}`).join(', ')}`)
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`)
    return options.check && verdicts.some(({ isHeld }) => !isHeld) ? 1 : 0
  } finally {
    for (const member of members) await member.end()
    rmSync(directory, { recursive: true })
  }
}

process.exitCode = await main()
