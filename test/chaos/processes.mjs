// Processes that work on shared memory, each in threads, and are killed by SIGKILL at random instants. At the end every total must
// be what was confirmed and at most what was in flight; no block or node is lost or has two owners; records are whole and in order.
// The processes are on different ways to native code: V8's fast calls, Node-API, and areas that libc has not registered.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { mapFile } from '../../lib/runtime/mapping.js'
import { openShared } from '../../lib/shared/index.js'
import { ledgerBytes, sumsOf, verdictOf } from './ledger.mjs'
import { makeRandom } from './random.mjs'
import { plainWord, sharedStructures } from './shared-structures.mjs'

const PROGRAM = fileURLToPath(new URL('process.mjs', import.meta.url))
/** Threads of all processes of a team, one after the other. */
const SLOTS = 1 << 11
/** How a process is told its way. */
const WAYS = {
  fast: { RSEQ_TIER: 'fast' },
  napi: { RSEQ_TIER: 'napi' },
  'own areas': { RSEQ_TIER: 'fast', GLIBC_TUNABLES: 'glibc.pthread.rseq=0' },
}
/** The longest life of a process after its threads have begun, in milliseconds. */
const LONGEST_LIFE = 150
const DISTURB_EVERY = 5

/** One service and the processes that work on it. */
class Team {
  #options
  #random
  #structures
  #directory = mkdtempSync('/dev/shm/rseq-chaos-')
  #made
  #taken
  #ledger
  #ledgerFile
  #slots = 0
  kills = 0
  met = Object.fromEntries(Object.keys(WAYS).map((way) => [way, 0]))
  problems = []

  constructor(options, random) {
    this.#options = options
    this.#random = random
    this.#structures = options.plain ? [...sharedStructures, plainWord] : sharedStructures
    const shop = openShared('chaos', { directory: this.#directory })
    this.#made = this.#structures.map((structure) => structure.make(shop))
    this.#taken = this.#structures.map(() => 0)
    const [path, bytes] = [join(this.#directory, 'ledger'), ledgerBytes(SLOTS, this.#structures.length)]
    const file = openSync(path, 'w+')
    ftruncateSync(file, bytes)
    this.#ledger = mapFile(file, path, bytes, 1)
    this.#ledgerFile = { path, bytes }
    closeSync(file)
  }

  /** Keeps so many processes working until the deadline. */
  async work(processes, deadline) {
    const disturbing = setInterval(() => this.#disturb(), DISTURB_EVERY)
    try {
      await Promise.all(Array.from({ length: processes }, () => this.#keepWorking(deadline)))
    } finally {
      clearInterval(disturbing)
    }
  }

  async #keepWorking(deadline) {
    const { threads } = this.#options
    while (performance.now() < deadline && this.#slots + threads <= SLOTS) await this.#oneLife()
  }

  /** A process from its start to its end by SIGKILL. */
  async #oneLife() {
    const way = Object.keys(WAYS)[Math.floor(this.#random() * Object.keys(WAYS).length)]
    const slots = Array.from({ length: this.#options.threads }, () => this.#slots++)
    const input = {
      directory: this.#directory,
      ledger: this.#ledgerFile,
      slots,
      plain: this.#options.plain,
      seed: Math.floor(this.#random() * 2 ** 31),
    }
    const child = spawn(process.execPath, [PROGRAM, JSON.stringify(input)], {
      env: { ...process.env, ...WAYS[way] },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text) => (errors += text))
    const ended = once(child, 'close')
    // A few are killed while they start; the others once all their threads work.
    if (this.#random() > 0.1) await Promise.race([once(child.stdout, 'data'), ended])
    await pause(this.#random() * LONGEST_LIFE)
    child.kill('SIGKILL')
    await ended
    this.kills++
    this.met[way]++
    if (child.signalCode !== 'SIGKILL') {
      this.problems.push(
        `a process ended with ${child.signalCode ?? child.exitCode}: ${errors.slice(0, 500)}`,
      )
    }
  }

  #disturb() {
    this.#structures.forEach((structure, i) => {
      this.#taken[i] += structure.disturb?.(this.#made[i]) ?? 0
      if (this.#options.reclaim) structure.reclaim?.(this.#made[i])
    })
  }

  /** What the ledger and the structures say, when all processes have ended. */
  judge() {
    if (this.#options.reclaim) this.#disturb()
    return this.#structures.map((structure, i) => {
      const lost = i === 0 ? (this.#options.lose ?? 0) : 0
      const total = structure.total(this.#made[i]) + this.#taken[i] - lost
      const sums = sumsOf(this.#ledger, this.#slots, i, this.#structures.length)
      const wrong = structure.whole?.(this.#made[i]) ?? ''
      if (wrong !== '') this.problems.push(`${structure.name}: ${wrong}`)
      return verdictOf(structure, sums, total)
    })
  }

  end() {
    rmSync(this.#directory, { recursive: true })
  }
}

/** Runs a team of each size, and prints what it found. @returns the exit status. */
export async function killProcesses(options) {
  const random = makeRandom(options.seed)
  let isRight = true
  for (const processes of options.processes) {
    const team = new Team(options, random)
    try {
      await team.work(processes, performance.now() + (options.seconds * 1000) / options.processes.length)
      const verdicts = team.judge()
      const wrong = verdicts.filter(({ right, confirmed }) => !right || confirmed === 0)
      console.table(verdicts)
      const ways = Object.entries(team.met).map(([way, count]) => `${way} ${count}`)
      console.log(
        `${processes} processes of ${options.threads} threads: ${team.kills} kills (${ways.join(', ')})`,
      )
      for (const problem of team.problems) console.log(`chaos: WRONG: ${problem}`)
      if (wrong.length > 0) console.log(`chaos: WRONG (seed ${options.seed}): ${JSON.stringify(wrong)}`)
      isRight &&= wrong.length === 0 && team.problems.length === 0
    } finally {
      team.end()
    }
  }
  if (isRight) console.log('chaos: every total is exact, and nothing is lost or has two owners')
  return isRight ? 0 : 1
}
