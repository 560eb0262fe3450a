/**
 * What a part of the demo is given to show itself.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'
import { clearInterval, setInterval } from 'node:timers'
import { wrap } from '../text.js'
import type { Line, Look } from '../top/frame.js'
import type { Stage } from './stage.js'

/** Milliseconds between two pictures. */
const PICTURE_MS = 120
/** Columns of the first column of all tables. */
export const LABEL = 19

/** A part of the demo while it runs. */
export interface Show {
  readonly stage: Stage
  readonly stop: AbortSignal
  /** The time of `performance.now()` at which the part is to end. */
  readonly until: number
  /** The times at which the whole demo began and is to end. */
  readonly from: number
  readonly end: number
}

/** The line that says how far the whole demo is. */
export function progressLine({ stage, from, end }: Show): Line {
  const left = Math.max(0, end - performance.now())
  const text = `  ${Math.ceil(left / 1000)} s to go`
  const room = Math.max(0, Math.min(60, stage.width - 2 - text.length))
  const done = Math.round(Math.min(1, 1 - left / (end - from)) * room)
  return [
    { text: `  ${stage.glyphs.done.repeat(done)}`, look: 'green' },
    { text: stage.glyphs.todo.repeat(room - done) + text, look: 'dim' },
  ]
}

/** The block of a running part. */
export function picture(show: Show, lines: readonly Line[]): void {
  show.stage.live([...lines, [], progressLine(show)])
}

/** Shows pictures again and again while `work` runs. */
export async function withPictures(
  show: Show,
  draw: () => readonly Line[],
  work: () => Promise<void>,
): Promise<void> {
  const next = (): void => {
    picture(show, draw())
  }
  next()
  const timer = setInterval(next, PICTURE_MS)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
}

/** The heading of a part. */
export function printHeading({ stage }: Show, number: number, title: string, text: string): void {
  stage.print([[], [{ text: `${number}  ${title}`, look: 'bold' }]])
  stage.explain(text)
  stage.print([[]])
}

/** A sentence with a mark before it, over as many lines as it needs: what a part has found. */
export function finding({ glyphs, width }: Stage, isRight: boolean | null, text: string): Line[] {
  const indent = 3 + Math.max(glyphs.right.length, glyphs.wrong.length)
  const mark = isRight === null ? glyphs.dot : isRight ? glyphs.right : glyphs.wrong
  const look: Look = isRight === null ? 'dim' : isRight ? 'green' : 'red'
  return wrap(text, width - indent).map((part, k): Line => [
    { text: `  ${k === 0 ? mark : ''}`.padEnd(indent), look },
    { text: part, look: isRight === false ? 'red' : 'plain' },
  ])
}
