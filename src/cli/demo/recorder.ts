/**
 * The part of the demo in which a process is killed that could say nothing more, and its recorder is read.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'
import { PerCpuCounter, now } from '../../index.js'
import type { TraceEvent } from '../../trace/index.js'
import { counted, grouped } from '../text.js'
import type { Line } from '../top/frame.js'
import { type Being, startProcess, startThread } from './being.js'
import { FLIGHT, type FlightTrace } from './flight.js'
import type { FlightData } from './flight-thread.js'
import { type Place, openConfirmed } from './place.js'
import type { RecordedEvent, RecorderResult } from './results.js'
import { type Show, finding, withPictures } from './show.js'
import { pause } from './stop.js'

/** Events that there are at least before the kill. */
const LEAST_EVENTS = 30
/** The longest flight, in milliseconds: the recorder keeps all of it. */
const LONGEST_MS = 8000
const LOOK_MS = 20
/** Events that are shown. */
const SHOWN = 8
const NS_PER_MS = 1e6

/** What is killed, and what it leaves behind. */
interface Flight {
  readonly killed: 'process' | 'thread'
  readonly being: Being
  readonly trace: FlightTrace
  readonly confirmed: PerCpuCounter
}

function startFlight(place: Place | null): Flight {
  if (place !== null) {
    const being = startProcess('flight-process.js', [place.directory])
    return { killed: 'process', being, trace: FLIGHT.open(place.shop), confirmed: openConfirmed(place.shop) }
  }
  const trace = FLIGHT.open()
  const confirmed = new PerCpuCounter()
  const data: FlightData = { memory: trace.memory, confirmed: confirmed.buffer }
  return { killed: 'thread', being: startThread('flight-thread.js', data), trace, confirmed }
}

function eventText({ event, values }: TraceEvent): string {
  const what = values['url'] ?? values['table'] ?? values['status']
  return `request ${Number(values['request'])} ${event.padEnd(5)}  ${String(what)}`
}

const numberOf = ({ values }: TraceEvent): number => Number(values['number'])

/** Judges what the recorder has by what was confirmed. */
export function judgeRecords(
  numbers: readonly number[],
  confirmed: number,
): Pick<RecorderResult, 'newest' | 'gaps' | 'complete'> {
  const sorted = [...numbers].sort((one, other) => one - other)
  const newest = sorted.at(-1) ?? 0
  const gaps = sorted.reduce((sum, number, i) => (i === 0 ? 0 : sum + number - (sorted[i - 1] ?? 0) - 1), 0)
  // The kill may have come after an event was recorded and before it was confirmed.
  const isNewestThere = newest === confirmed || newest === confirmed + 1
  return { newest, gaps, complete: isNewestThere && gaps === 0 }
}

function recordedLine({ msBefore, cpu, number, text }: RecordedEvent): Line {
  const when = `${msBefore < 0 ? '+' : '-'}${Math.abs(msBefore).toFixed(3)} ms`
  return [
    { text: `  ${when.padStart(12)}`, look: 'bold' },
    { text: `  CPU ${String(cpu).padEnd(3)} event ${String(number).padEnd(6)}`, look: 'dim' },
    { text: `  ${text}`, look: 'plain' },
  ]
}

/** Waits until enough is recorded, and then for a moment that nobody chose. */
async function flyUntil({ confirmed }: Flight, { until, stop }: Show): Promise<void> {
  const begun = performance.now()
  const longest = Math.min(LONGEST_MS, until - begun)
  const end = begun + longest * (0.7 + 0.3 * Math.random())
  while (confirmed.value < LEAST_EVENTS || performance.now() < end) await pause(LOOK_MS * Math.random(), stop)
}

/** Kills a process that records what it does (or a thread, if there is no place for processes), and reads the recorder. */
export async function showRecorder(
  place: Place | null,
  reason: string | null,
  show: Show,
): Promise<RecorderResult> {
  const { stage } = show
  const flight = startFlight(place)
  const { killed, being, trace, confirmed } = flight
  const by = killed === 'process' ? 'SIGKILL' : 'terminate()'
  const draw = (): Line[] => [
    [
      { text: `  ${killed} ${being.id}`, look: 'bold' },
      { text: ' is at work: ', look: 'plain' },
      { text: grouped(confirmed.value), look: 'green' },
      { text: ' events recorded', look: 'plain' },
    ],
  ]
  let killedAt = 0n
  await withPictures(show, draw, async () => {
    try {
      await being.ready(show.stop)
      await flyUntil(flight, show)
    } finally {
      killedAt = now()
      await being.kill()
    }
  })
  const events = trace.snapshot()
  const judged = judgeRecords(events.map(numberOf), confirmed.value)
  const last = [...events]
    .sort((one, other) => numberOf(one) - numberOf(other))
    .slice(-SHOWN)
    .map((event): RecordedEvent => ({
      number: numberOf(event),
      msBefore: Number(killedAt - event.time) / NS_PER_MS,
      cpu: event.cpu,
      text: eventText(event),
    }))
  const result: RecorderResult = { killed, reason, confirmed: confirmed.value, ...judged, last }
  stage.explain(
    `${by} has ended ${killed} ${being.id}. The last ${last.length} of its ${counted(judged.newest, 'event')}, and when they were recorded, counted from the kill:`,
  )
  stage.print([[], ...last.map(recordedLine), [], ...recorderVerdict(result, stage)])
  return result
}

function recorderVerdict(
  { complete, confirmed, newest, gaps }: RecorderResult,
  stage: Show['stage'],
): Line[] {
  const counts = `it had counted ${grouped(confirmed)} events, and the newest one in the recorder is number ${grouped(newest)}`
  if (complete) return finding(stage, true, `Complete: ${counts}. None is missing.`)
  return finding(stage, false, `EVENTS ARE MISSING: ${counts}; ${grouped(gaps)} before that are not there.`)
}
