/**
 * The part of the demo that measures what an update costs, in the ways that there are.
 *
 * @module
 */
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { Worker } from 'node:worker_threads'
import { PerCpuCounter } from '../../index.js'
import { counted, grouped } from '../text.js'
import type { Line } from '../top/frame.js'
import type { CostResult, CostRow } from './results.js'
import { type Show, picture } from './show.js'
import { bar } from './stage.js'
import { unlessStopped } from './stop.js'
import { type CostData, type Done, type Slice, THEIRS, WAYS, type Way } from './ways.js'

const MOST_THREADS = 8
/** Milliseconds of a slice. */
const SLICE_MS = 20
/** Rounds in which V8 compiles, and which do not count. */
const WARM_UP = 2
const LEAST_ROUNDS = 3
const NS_PER_US = 1000
const NS_PER_MS = 1e6
/** If threads had a smaller part of the CPUs than this, other programs ran, and the threads met less often than they do in a program. */
const FULL_COVERAGE = 0.85

/** What the ways are called. */
export const NAMES: Readonly<Record<Way, string>> = {
  counter: 'rseq counter.add(1)',
  atomics: 'Atomics.add, one word',
  'rseq/prom-client': 'rseq/prom-client inc()',
  'prom-client': 'prom-client inc()',
  'rseq/prom-client, labels': 'rseq/prom-client inc({..})',
  'prom-client, labels': 'prom-client inc({..})',
  message: 'postMessage(1)',
}
const LABEL = 29
/** Ways that are the library's own. */
const OURS: readonly string[] = ['counter', 'rseq/prom-client', 'rseq/prom-client, labels'] satisfies Way[]
const FIGURE = 10
const FACTOR = 8
/** How many times longer than the first bar another one may be. */
const LONGEST_BAR = 20

/** The user's prom-client. */
interface PromClient {
  readonly path: string
  readonly version: string
}

/** Looks for prom-client where the user's program would. */
export function findPromClient(directory = process.cwd()): PromClient | null {
  const require = createRequire(join(directory, 'index.js'))
  try {
    const { version } = require('prom-client/package.json') as { version: string }
    return { path: require.resolve('prom-client'), version }
  } catch {
    return null
  }
}

/** The middle one of some values; NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}

/** Nanoseconds, with three digits or so. */
export function nsText(ns: number): string {
  if (Number.isNaN(ns)) return '-'
  if (ns >= 9950) return `${Math.round(ns / NS_PER_US)} us`
  if (ns >= 995) return `${(ns / NS_PER_US).toFixed(1)} us`
  return `${ns < 99.5 ? ns.toFixed(1) : Math.round(ns)} ns`
}

/** How often one cost holds another. */
export function factorText(cost: number, of: number): string {
  const factor = cost / of
  if (!Number.isFinite(factor)) return ''
  return `${factor < 9.95 ? factor.toFixed(1) : grouped(Math.round(factor))} x`
}

/** What a slice has shown. */
interface Sample {
  /** Nanoseconds of CPU time of the process for each update. */
  readonly cost: number
  /** Which part of the time its threads had their CPUs. */
  readonly coverage: number
}

/** The Workers that measure. */
class Team {
  readonly #workers: readonly Worker[]

  private constructor(workers: readonly Worker[]) {
    this.#workers = workers
  }

  static async start(size: number, data: CostData, stop: AbortSignal): Promise<Team> {
    const workers = Array.from(
      { length: size },
      () => new Worker(new URL('cost-worker.js', import.meta.url), { workerData: data }),
    )
    const team = new Team(workers)
    try {
      await unlessStopped(Promise.all(workers.map((worker) => once(worker, 'message'))), stop)
      // The messages that are counted by a way are received here, as a program would.
      for (const worker of workers) worker.setMaxListeners(0)
      return team
    } catch (error) {
      await team.end()
      throw error
    }
  }

  /** Lets the first `members` Workers count for a slice. */
  async run(slice: Slice, members: number): Promise<Sample> {
    const [before, start] = [process.cpuUsage(), performance.now()]
    const all = await Promise.all(this.#workers.slice(0, members).map((worker) => sliceOf(worker, slice)))
    const { user, system } = process.cpuUsage(before)
    const ns = (user + system) * NS_PER_US
    const wall = (performance.now() - start) * NS_PER_MS * Math.min(members, availableParallelism())
    return { cost: ns / all.reduce((sum, operations) => sum + operations, 0), coverage: ns / wall }
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }
}

/** Resolves with the number of updates. */
function sliceOf(worker: Worker, slice: Slice): Promise<number> {
  return new Promise((resolve, reject) => {
    let received = 0
    const onMessage = (message: number | Done): void => {
      if (typeof message === 'number') received += message
      else {
        worker.off('message', onMessage).off('error', reject)
        resolve(slice.way === 'message' ? received : message.operations)
      }
    }
    worker.on('message', onMessage).on('error', reject)
    worker.postMessage(slice)
  })
}

/** The costs that were measured, by way and number of threads. */
class Costs {
  readonly #ways: readonly Way[]
  readonly #samples = new Map<string, Sample[]>()
  rounds = 0

  constructor(ways: readonly Way[]) {
    this.#ways = ways
  }

  #of(way: Way, members: number): Sample[] {
    const key = `${members} ${way}`
    const samples = this.#samples.get(key) ?? []
    this.#samples.set(key, samples)
    return samples
  }

  add(way: Way, members: number, sample: Sample): void {
    this.#of(way, members).push(sample)
  }

  clear(): void {
    this.#samples.clear()
  }

  /** The cost without the samples that other programs disturbed, unless hardly any is left. */
  #cost(way: Way, members: number): number {
    const all = this.#of(way, members)
    const good = all.filter(({ coverage }) => members === 1 || coverage >= FULL_COVERAGE)
    return median((good.length >= LEAST_ROUNDS ? good : all).map(({ cost }) => cost))
  }

  rows(threads: number): CostRow[] {
    return this.#ways.map((way) => ({
      name: way,
      oneThread: this.#cost(way, 1),
      threads: this.#cost(way, threads),
    }))
  }

  /** The part of the time in which so many threads had their CPUs. */
  coverage(threads: number): number {
    return median(this.#of('atomics', threads).map(({ coverage }) => coverage))
  }
}

function linesOf(
  { rows, threads, rounds }: Pick<CostResult, 'rows' | 'threads' | 'rounds'>,
  { stage }: Show,
): Line[] {
  const { glyphs, width } = stage
  const room = Math.max(8, width - LABEL - 2 * FIGURE - FACTOR - 2)
  const own = rows.find(({ name }) => name === 'counter')?.threads ?? NaN
  // What takes many times longer would leave nothing to see of the others: its bar is cut.
  const scale = Math.max(...rows.map((row) => row.threads).filter((cost) => cost <= LONGEST_BAR * own))
  const heading = `${''.padEnd(LABEL)}${'1 thread'.padStart(FIGURE)}${`${threads} threads`.padStart(FIGURE)}`
  return [
    [{ text: heading, look: 'dim' }],
    ...rows.map((row): Line => {
      const isBase = row.name === 'counter'
      const isCut = row.threads > scale
      const cells = isCut
        ? glyphs.full.repeat(room - 1) + glyphs.cutBar
        : bar(row.threads / scale || 0, room, glyphs)
      return [
        { text: `  ${NAMES[row.name as Way]}`.padEnd(LABEL), look: isBase ? 'bold' : 'plain' },
        { text: nsText(row.oneThread).padStart(FIGURE), look: 'plain' },
        { text: nsText(row.threads).padStart(FIGURE), look: 'bold' },
        { text: (isBase ? '' : factorText(row.threads, own)).padStart(FACTOR), look: 'dim' },
        { text: '  ', look: 'plain' },
        { text: cells, look: OURS.includes(row.name) ? 'green' : isCut ? 'red' : 'plain' },
      ]
    }),
    [
      {
        text:
          rounds === 0
            ? '  V8 compiles all of them first'
            : `  medians of ${counted(rounds, 'round')}; factors and bars for ${threads} threads; ${glyphs.cutBar} a bar that is cut`,
        look: 'dim',
      },
    ],
  ]
}

/** The number of threads of the second figure. */
export function threadsOf(): number {
  return Math.max(2, Math.min(MOST_THREADS, availableParallelism()))
}

/** Measures, in rounds: in each, all ways run one after the other, with one thread and with several. */
export async function showCost(show: Show): Promise<CostResult> {
  const { stage, stop, until } = show
  // The measured series is nobody else's.
  delete process.env['RSEQ_SHARE']
  // Threads share these metrics if the main thread has imported the module before it starts them.
  await import('../../prom-client/index.js')
  const promClient = findPromClient()
  const ways = WAYS.filter((way) => !THEIRS.includes(way) || promClient !== null)
  const threads = threadsOf()
  const counter = new PerCpuCounter()
  const costs = new Costs(ways)
  const result = (): Omit<CostResult, 'promClient'> => ({
    rounds: costs.rounds,
    threads,
    rows: costs.rows(threads),
    coverage: costs.coverage(threads),
  })
  picture(show, linesOf(result(), show))
  const data: CostData = {
    counter: counter.buffer,
    word: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
    promClient: promClient?.path ?? null,
  }
  const team = await Team.start(threads, data, stop)
  try {
    const steps = ways.flatMap((way) => [1, threads].map((members) => ({ way, members })))
    for (let round = -WARM_UP; round < LEAST_ROUNDS || performance.now() < until; round++) {
      // The samples of warming up are thrown away. Every second round runs backwards, so that what runs before a way changes.
      if (round === 0) costs.clear()
      for (const { way, members } of round % 2 === 0 ? steps : [...steps].reverse()) {
        costs.add(way, members, await unlessStopped(team.run({ way, ms: SLICE_MS }, members), stop))
      }
      costs.rounds = Math.max(0, round + 1)
      picture(show, linesOf(result(), show))
    }
  } finally {
    await team.end()
  }
  const measured = { ...result(), promClient: promClient?.version ?? null }
  stage.print(linesOf(measured, show))
  if (costs.coverage(threads) < FULL_COVERAGE) {
    const percent = Math.round(100 * costs.coverage(threads))
    stage.explain(
      `Other programs run here: ${threads} threads had ${percent} % of the CPUs' time, so they met on the one word of Atomics.add less often than on an idle machine.`,
    )
  }
  if (promClient === null) {
    stage.explain(
      'prom-client is not installed where you are, so it was not measured: npm install prom-client, and run the demo again.',
    )
  }
  return measured
}
