/**
 * What `rseq demo` says at its end.
 *
 * @module
 */
import { grouped, wrap } from '../text.js'
import type { Line } from '../top/frame.js'
import { factorText, nsText } from './cost.js'
import type { CostResult, DemoResults, RecorderResult, TotalsResult } from './results.js'
import { finding } from './show.js'
import type { Stage } from './stage.js'

/** One sentence, and whether it says that all is well; null for a part that did not run. */
interface Finding {
  readonly isRight: boolean | null
  readonly text: string
}

function totalsFinding({ exact, kills, total, lost }: TotalsResult, who: string, how: string): Finding {
  if (!exact)
    return {
      isRight: false,
      text: `A total was wrong while ${who} were ${how}. Please report this, with the output of --json.`,
    }
  const text =
    `${grouped(total)} additions by ${who}, ${grouped(kills)} of which were ${how}: exact. ` +
    `The plain variable lost ${grouped(lost.plain)}, the messages lost ${grouped(lost.messages)}.`
  return { isRight: true, text }
}

function costFinding({ rows, threads }: CostResult): Finding {
  const of = (name: string): number => rows.find((row) => row.name === name)?.threads ?? NaN
  const own = of('counter')
  const others = (
    [
      ['atomics', 'Atomics.add'],
      ['prom-client', "prom-client's inc()"],
      ['message', 'a message'],
    ] as const
  )
    .filter(([name]) => Number.isFinite(of(name)))
    .map(([name, text]) => `${nsText(of(name))} for ${text} (${factorText(of(name), own)})`)
  return {
    isRight: true,
    text: `With ${threads} threads, counter.add(1) takes ${nsText(own)} of CPU time; ${others.join(', ')}.`,
  }
}

function recorderFinding({ complete, killed, newest, last }: RecorderResult): Finding {
  if (!complete)
    return {
      isRight: false,
      text: 'The recorder had lost events. Please report this, with the output of --json.',
    }
  const before = last.at(-1)?.msBefore ?? 0
  const when = before < 0 ? 'after the kill was asked for' : `${before.toFixed(3)} ms before the kill`
  return {
    isRight: true,
    text: `All ${grouped(newest)} events of a killed ${killed} were in its recorder, the last one from ${when}.`,
  }
}

function findings({ threads, processes, cost, recorder }: DemoResults): Finding[] {
  const all: Finding[] = []
  if (threads !== null) all.push(totalsFinding(threads, 'threads', 'terminated'))
  if (processes !== null)
    all.push(
      'skipped' in processes
        ? { isRight: null, text: 'Processes were not shown: they cannot share memory here.' }
        : totalsFinding(processes, 'processes', 'ended by SIGKILL'),
    )
  if (cost !== null) all.push(costFinding(cost))
  if (recorder !== null) all.push(recorderFinding(recorder))
  return all
}

/** The lines of the summary. */
export function summaryLines(results: DemoResults, stage: Stage): Line[] {
  const lines = findings(results).flatMap(({ isRight, text }) => finding(stage, isRight, text))
  if (lines.length === 0) return []
  const next =
    'Nothing of the demo is left. Next: npx rseq verify (the proof of the sections), and README.md, whose first program has ten lines.'
  return [
    [],
    [{ text: 'What this machine has shown', look: 'bold' }],
    ...lines,
    ...(results.interrupted === null
      ? [[], ...wrap(next, stage.width - 2).map((part): Line => [{ text: `  ${part}`, look: 'dim' }])]
      : []),
  ]
}
