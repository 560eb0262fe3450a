/**
 * The parts of the demo in which those who count are killed: threads, and processes.
 *
 * @module
 */
import { availableParallelism } from 'node:os'
import { PerCpuCounter } from '../../index.js'
import { grouped } from '../text.js'
import type { Line, Segment } from '../top/frame.js'
import { startProcess, startThread } from './being.js'
import type { CountingData } from './counting-thread.js'
import { type Crew, type SeatState, Standing, runRounds } from './kill-rounds.js'
import { Ledger, ledgerBytes } from './ledger.js'
import { type Place, mapNotes, openCounter } from './place.js'
import { REPORT_MS } from './reports.js'
import type { TotalsResult } from './results.js'
import { LABEL, type Show, finding, withPictures } from './show.js'
import { type Glyphs, bar } from './stage.js'

const LEAST_SEATS = 4
const MOST_THREADS = 16
const MOST_PROCESSES = 8
/** The greatest pauses between two kills, in milliseconds: a process takes longer to start. */
const KILL_EVERY = { threads: 90, processes: 250 }
/** Columns of a total. */
const TOTAL = 15
/** Columns of what stands behind a bar. */
const REMARK = 15

const SEAT_LOOKS = { alive: 'green', killed: 'red', starting: 'dim', empty: 'dim' } as const

/** Who is killed, in words. */
interface Words {
  readonly many: string
  /** What is done to them. */
  readonly killed: string
}
const THREADS: Words = { many: 'threads', killed: 'terminated' }
const PROCESSES: Words = { many: 'processes', killed: 'killed' }

function seatLine({ seats, kills }: Standing, { killed }: Words, glyphs: Glyphs): Line {
  const marks: Record<SeatState, string> = { ...glyphs, empty: glyphs.dot }
  const cells = seats.map((state): Segment => ({ text: `${marks[state]} `, look: SEAT_LOOKS[state] }))
  return [
    { text: '  at work'.padEnd(LABEL), look: 'dim' },
    ...cells,
    { text: `  ${grouped(kills)} ${killed} so far`, look: 'plain' },
  ]
}

/** A line with a total, its bar, and what has been lost. */
function totalLine(
  label: string,
  value: number,
  of: number,
  width: number,
  glyphs: Glyphs,
  isOurs = false,
): Line {
  const room = Math.max(4, width - LABEL - TOTAL - REMARK - 2)
  const lost = of - value
  const remark = isOurs || of === 0 ? '' : `  ${((100 * lost) / of).toFixed(lost / of < 0.01 ? 2 : 1)} % lost`
  return [
    { text: `  ${label}`.padEnd(LABEL), look: isOurs ? 'bold' : 'plain' },
    { text: `${grouped(value).padStart(TOTAL)}  `, look: isOurs ? 'bold' : 'plain' },
    { text: bar(of === 0 ? 0 : value / of, room, glyphs).padEnd(room), look: isOurs ? 'green' : 'plain' },
    { text: remark, look: 'red' },
  ]
}

function checksLine({ checks }: Standing, glyphs: Glyphs): Line {
  const marks = checks
    .slice(-30)
    .map(({ exact }): Segment =>
      exact ? { text: `${glyphs.right} `, look: 'green' } : { text: `${glyphs.wrong} `, look: 'red' },
    )
  return [{ text: '  checks'.padEnd(LABEL), look: 'dim' }, ...marks]
}

function linesOf(crew: Crew, standing: Standing, words: Words, { stage }: Show): Line[] {
  const { glyphs, width } = stage
  // The total first: what is confirmed meanwhile makes the bars of the others no longer.
  const total = crew.total()
  const { confirmed } = crew.ledger.sums()
  const most = Math.max(total, confirmed)
  return [
    seatLine(standing, words, glyphs),
    totalLine('rseq counter', total, most, width, glyphs, true),
    totalLine('plain variable', crew.ledger.plain, most, width, glyphs),
    totalLine('by messages', standing.reported, most, width, glyphs),
    checksLine(standing, glyphs),
  ]
}

function resultOf(crew: Crew, standing: Standing): TotalsResult {
  const { checks, kills, reported, exact } = standing
  const { total = 0, confirmed = 0, inFlight = 0 } = checks.at(-1) ?? {}
  const lost = { plain: confirmed - crew.ledger.plain, messages: confirmed - reported }
  return { seats: crew.seats, kills, exact, total, confirmed, inFlight, checks, lost }
}

/** What becomes of additions at which somebody is killed, in a sentence. */
function caughtText(inFlight: number, made: number): string {
  if (inFlight === 0) return 'No kill came in the middle of an addition.'
  return (
    `${grouped(inFlight)} of the kills came in the middle of an addition: ${grouped(made)} of these were made, ${grouped(inFlight - made)} were not. ` +
    'None was made by half or twice.'
  )
}

/** The lines that say what a result means. */
function verdictLines(
  { kills, checks, total, confirmed, inFlight }: TotalsResult,
  words: Words,
  stage: Show['stage'],
): Line[] {
  const wrong = checks.find(({ exact }) => !exact)
  if (wrong !== undefined) {
    const least = wrong.confirmed
    const expected =
      wrong.inFlight === 0 ? grouped(least) : `${grouped(least)} to ${grouped(least + wrong.inFlight)}`
    return finding(stage, false, `A TOTAL WAS WRONG: ${grouped(wrong.total)}, expected ${expected}.`)
  }
  const text =
    `Exact in ${checks.length === 1 ? 'the one check' : `all ${checks.length} checks`}: ${grouped(kills)} ${words.many} ${words.killed}, ` +
    `${grouped(confirmed)} additions noted, ${grouped(total)} in the counter. ${caughtText(inFlight, total - confirmed)}`
  return finding(stage, true, text)
}

async function showTotals(crew: Crew, words: Words, show: Show): Promise<TotalsResult> {
  const { stage } = show
  const standing = new Standing(crew.seats)
  const draw = (): Line[] => linesOf(crew, standing, words, show)
  await withPictures(show, draw, () =>
    runRounds(crew, standing, {
      ...show,
      onCheck: ({ exact, total, confirmed }) => {
        stage.note(
          `check ${standing.checks.length}: ${grouped(standing.kills)} ${words.killed}; ${grouped(confirmed)} additions noted, ` +
            `${grouped(total)} in the counter: ${exact ? 'exact' : 'WRONG'}`,
        )
      },
    }),
  )
  const result = resultOf(crew, standing)
  stage.print([...draw().slice(1), [], ...verdictLines(result, words, stage)])
  return result
}

/** What a reader should know of the lines. */
export const CONTROLS = `The controls: a plain variable in shared memory (x = x + 1), and what each one tells by a message every ${REPORT_MS} ms.`

/** The number of threads or processes that count at a time. */
export function seatsOf(kind: 'threads' | 'processes'): number {
  return Math.max(
    LEAST_SEATS,
    Math.min(kind === 'threads' ? MOST_THREADS : MOST_PROCESSES, availableParallelism()),
  )
}

/** Threads count and are terminated. */
export async function showThreads(show: Show): Promise<TotalsResult> {
  const seats = seatsOf('threads')
  const counter = new PerCpuCounter()
  const notes = new SharedArrayBuffer(ledgerBytes(seats))
  const crew: Crew = {
    seats,
    killEveryMs: KILL_EVERY.threads,
    ledger: new Ledger(notes, seats),
    total: () => counter.value,
    start: (seat, onReport) => {
      const data: CountingData = { counter: counter.buffer, notes, seats, seat }
      return startThread('counting-thread.js', data, onReport)
    },
  }
  return showTotals(crew, THREADS, show)
}

/** Processes count in shared memory and are killed. */
export async function showProcesses({ directory, shop }: Place, show: Show): Promise<TotalsResult> {
  const seats = seatsOf('processes')
  const counter = openCounter(shop)
  const crew: Crew = {
    seats,
    killEveryMs: KILL_EVERY.processes,
    ledger: new Ledger(mapNotes(directory, seats), seats),
    total: () => counter.value,
    start: (seat, onReport) =>
      startProcess('counting-process.js', [directory, String(seats), String(seat)], onReport),
  }
  return showTotals(crew, PROCESSES, show)
}
