/**
 * Runs the parts of `rseq demo` one after the other, and leaves nothing behind.
 *
 * @module
 */
import { setMaxListeners } from 'node:events'
import { availableParallelism, constants } from 'node:os'
import { performance } from 'node:perf_hooks'
import { info } from '../../index.js'
import { jsonText } from '../../core/printable.js'
import { type DemoOptions, PARTS, type Part } from './options.js'
import { INTERRUPTIONS } from '../interruption.js'
import { complain } from '../text.js'
import { dropAll } from './being.js'
import { showCost } from './cost.js'
import { Place } from './place.js'
import { showRecorder } from './recorder.js'
import type { DemoResults } from './results.js'
import { type Show, printHeading } from './show.js'
import { type Manner, Stage } from './stage.js'
import { Interrupted } from './stop.js'
import { summaryLines } from './summary.js'
import { CONTROLS, seatsOf, showProcesses, showThreads } from './totals.js'

/** The parts of the time after which the parts of the demo end; what is left is for starting and ending. */
const ENDS: Readonly<Record<Part, number>> = { threads: 0.26, processes: 0.52, cost: 0.86, recorder: 0.98 }
const MS = 1000
/** Status of a command that a signal has ended: this and the number of the signal. */
const BY_SIGNAL = 128
/** Signals that come within so many milliseconds are one. */
const TWICE_MS = 500

function machine(): DemoResults['machine'] {
  const { backend, tier, reason, platform, node } = info()
  return { backend, tier, reason, platform, cpus: availableParallelism(), node }
}

function mannerOf({ json, color }: DemoOptions): Manner {
  if (json) return 'silent'
  return color && process.stdout.isTTY && process.env['TERM'] !== 'dumb' ? 'live' : 'plain'
}

function printHead(
  stage: Stage,
  { backend, tier, reason, platform, cpus, node }: DemoResults['machine'],
): void {
  const { dot } = stage.glyphs
  const facts = [`${backend} backend`, `tier ${tier}`, `${cpus} CPUs`, platform, `Node ${node}`]
  stage.print([[{ text: 'rseq demo', look: 'bold' }]])
  stage.explain(facts.join(` ${dot} `))
  if (reason !== null)
    stage.explain(`Not the native backend: ${reason}. What is shown holds for both; only the costs differ.`)
}

/** A place for processes, or why there is none. */
function makePlace(directory: string): { place: Place | null; reason: string | null } {
  try {
    return { place: new Place(directory), reason: null }
  } catch (error) {
    return { place: null, reason: (error as Error).message }
  }
}

/** What the parts are given to run. */
interface Setting {
  readonly results: DemoResults
  readonly stage: Stage
  readonly stop: AbortSignal
  readonly options: DemoOptions
}

/** What a part does: it shows itself, and fills in what it found. `place` is null where processes cannot share memory. */
type Play = (show: Show, results: DemoResults, place: Place | null, reason: string | null) => Promise<void>

const PLAYS: Readonly<Record<Part, Play>> = {
  async threads(show, results) {
    printHeading(
      show,
      1,
      'A total that stays exact while threads are terminated',
      `${seatsOf('threads')} threads add 1 to one counter as fast as they can. One of them is terminated again and again, wherever it is, and another takes its place. ` +
        `At the end of each round all are terminated, and the total is compared with what they had noted. ${CONTROLS}`,
    )
    results.threads = await showThreads(show)
  },

  async processes(show, results, place, reason) {
    printHeading(
      show,
      2,
      'A total that stays exact while processes are killed',
      reason === null
        ? `${seatsOf('processes')} processes add to one counter in a file in shared memory. SIGKILL ends them: no handler runs, and nothing is flushed.`
        : `This cannot be shown here, because processes cannot share memory: ${reason}`,
    )
    results.processes = place === null ? { skipped: reason ?? '' } : await showProcesses(place, show)
  },

  async cost(show, results) {
    printHeading(
      show,
      3,
      'What an update costs',
      'CPU time of all threads that take part, for one update. All ways run in turn, 20 ms each, in rounds. postMessage includes the thread that receives. ' +
        'prom-client counts in each thread for itself: somebody still has to add that up, by messages.',
    )
    results.cost = await showCost(show)
  },

  async recorder(show, results, place, reason) {
    printHeading(
      show,
      4,
      'What a recorder has after a crash',
      place === null
        ? 'A thread records what it does in a trace of rseq/trace, and is terminated. (With processes, this needs shared memory, which is not there.)'
        : 'A process records what it does in a trace of rseq/trace, and is killed by SIGKILL. It writes no log and no core. This process, which never spoke to it, reads its recorder.',
    )
    results.recorder = await showRecorder(place, reason, show)
  },
}

/** Shows the parts one after the other. */
async function showParts({ results, stage, stop, options }: Setting): Promise<void> {
  const { seconds, directory, only } = options
  const parts = only === undefined ? PARTS : [only]
  const from = performance.now()
  const end = from + seconds * MS
  const { place, reason } = makePlace(directory)
  try {
    for (const part of parts) {
      const until = from + seconds * MS * (only === undefined ? ENDS[part] : ENDS.recorder)
      await PLAYS[part]({ stage, stop, until, from, end }, results, place, reason)
    }
  } finally {
    place?.remove()
  }
}

/** Whether all that was shown was right. */
function isRight({ threads, processes, recorder }: DemoResults): boolean {
  const totals = [threads, processes].filter((one) => one !== null && 'exact' in one)
  return totals.every(({ exact }) => exact) && recorder?.complete !== false
}

/** Learns of the first signal that is to end the command. A later one ends it at once. */
function stopBySignal(): AbortController {
  const stop = new AbortController()
  // Each one that is started waits for it.
  setMaxListeners(0, stop.signal)
  let first = Infinity
  for (const signal of INTERRUPTIONS) {
    process.on(signal, () => {
      // One Ctrl-C comes twice under npx: from the terminal, and from npx.
      if (performance.now() - first > TWICE_MS) process.exit(BY_SIGNAL + constants.signals[signal])
      if (first === Infinity) first = performance.now()
      stop.abort(new Interrupted(signal))
    })
  }
  return stop
}

/** Runs the demo, and sets the exit status: 1 if something was wrong. */
export async function runDemo(options: DemoOptions): Promise<void> {
  process.on('exit', dropAll)
  const stop = stopBySignal()
  const results: DemoResults = {
    machine: machine(),
    ...{ threads: null, processes: null, cost: null, recorder: null, interrupted: null, passed: false },
  }
  const stage = new Stage(process.stdout, mannerOf(options))
  try {
    printHead(stage, results.machine)
    await showParts({ results, stage, stop: stop.signal, options })
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error
    results.interrupted = error.signal
  } finally {
    // What changes is no picture of anything any more.
    stage.live([])
    stage.close()
  }
  const { interrupted } = results
  results.passed = interrupted === null && isRight(results)
  if (options.json) console.log(jsonText(results))
  else stage.print(summaryLines(results, stage))
  if (interrupted !== null) {
    complain('interrupted; all that the demo had started has ended, and its files are removed')
    process.exitCode = BY_SIGNAL + constants.signals[interrupted as NodeJS.Signals]
  } else if (!results.passed) process.exitCode = 1
}
