/**
 * Lays out what `rseq top` shows, as lines of text for any width.
 *
 * @module
 */
import type { ProcessSnapshot, ServiceSnapshot } from '../../inspect/index.js'
import { detailsOf, isInBytes, lifeText, livingCount, noteOf } from '../objects.js'
import { ageText, bytesText, cut, fit, grouped, printable, shortText, widthOf } from '../text.js'
import type { Row } from './model.js'

/** How a part of a line looks. */
export type Look = 'plain' | 'bold' | 'dim' | 'red' | 'green' | 'inverse'

/** A part of a line. */
export interface Segment {
  readonly text: string
  readonly look: Look
}
export type Line = readonly Segment[]

/** One line of at most `width` columns. */
export function bounded(line: Line, width: number): Line {
  const kept: Segment[] = []
  let left = width
  for (const { text, look } of line) {
    if (left <= 0) break
    const part = cut(text, left)
    left -= widthOf(part)
    kept.push({ text: part, look })
  }
  return kept
}

const GAP = '  '
const LONGEST_NAME = 40
/** The most columns of the name of an object where lines have no bound. */
const LONGEST_UNBOUND = 200
const MOST_BARS = 32
const LEAST_WHAT = 32

/** The characters of bars, from nothing to the greatest share, and that before the overflow shard's. */
export interface BarCharacters {
  readonly levels: string
  readonly overflow: string
}
const BLOCKS: BarCharacters = { levels: '·▁▂▃▄▅▆▇█', overflow: '+' }
const DIGITS: BarCharacters = { levels: '.12345678', overflow: '+' }

/** Whether a terminal can show characters beyond ASCII: by the locale, as others do. */
export function showsUtf8({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv = process.env): boolean {
  const locale = [LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== '') ?? ''
  return /utf-?8/i.test(locale)
}

/** The characters of bars that a terminal can show. */
export function barCharacters(environment: NodeJS.ProcessEnv = process.env): BarCharacters {
  return showsUtf8(environment) ? BLOCKS : DIGITS
}

/** A bar of one character for each CPU. If there are more CPUs than room, neighbours share one. */
export function barsText({ perCpu, overflow }: Row, room: number, characters: BarCharacters): string {
  const each = Math.max(1, Math.ceil(perCpu.length / room))
  const shares: number[] = []
  for (let cpu = 0; cpu < perCpu.length; cpu += each) {
    shares.push(perCpu.slice(cpu, cpu + each).reduce((sum, share) => sum + Math.abs(share), 0))
  }
  const most = Math.max(...shares, Math.abs(overflow))
  const { levels } = characters
  const bar = (share: number): string =>
    levels[share === 0 ? 0 : Math.max(1, Math.round((share / most) * (levels.length - 1)))] ?? ''
  const all = shares.map(bar).join('')
  return overflow === 0 ? all : `${all}${characters.overflow}${bar(Math.abs(overflow))}`
}

/** A column of the table of objects. */
interface Column {
  readonly heading: string
  readonly isRight?: boolean
  /** Columns with a lower number stay longer on a narrow terminal. */
  readonly rank: number
  readonly text: (row: Row) => string
  /** The least and the greatest width; those of the heading and the texts by default. */
  readonly least?: number
  readonly most?: number
}

function totalCell({ object, total }: Row): string {
  if (total === null) return '-'
  if (isInBytes(object)) return bytesText(total)
  return Math.abs(total) < 1e15 ? grouped(total) : total.toExponential(4)
}

function rateCell({ object, rate }: Row): string {
  if (rate === null) return '-'
  return isInBytes(object) ? bytesText(rate) : shortText(rate)
}

function columnsOf(characters: BarCharacters, hasRates: boolean, width: number): Column[] {
  const bars: Column = {
    heading: 'CPUs',
    rank: 3,
    text: (row) => barsText(row, MOST_BARS, characters),
  }
  const rate: Column = { heading: 'a second', isRight: true, rank: 2, text: rateCell }
  return [
    {
      heading: 'object',
      rank: 0,
      text: ({ object }) => printable(object.name),
      least: 8,
      most: width === Infinity ? LONGEST_UNBOUND : Math.max(LONGEST_NAME, Math.floor(width / 2)),
    },
    { heading: 'kind', rank: 5, text: ({ object }) => object.kind },
    { heading: 'total', isRight: true, rank: 1, text: totalCell },
    ...(hasRates ? [rate] : []),
    bars,
    { heading: 'allocated', isRight: true, rank: 6, text: ({ object }) => bytesText(object.allocated) },
    { heading: 'what it holds', rank: 4, text: ({ object }) => noteOf(object), least: LEAST_WHAT },
  ]
}

/** What the columns of a table take of a width: those that find no room are left out, and the last one gets the rest. */
function fitColumns(columns: readonly Column[], widths: readonly number[], width: number): number[] {
  const least = columns.map(({ least: given }, k) => Math.min(given ?? Infinity, widths[k] ?? 0))
  const chosen = new Set(columns.keys())
  const needed = (): number =>
    [...chosen].reduce((sum, k) => sum + (least[k] ?? 0), GAP.length * (chosen.size - 1))
  const byRank = [...chosen].sort((a, b) => (columns[b]?.rank ?? 0) - (columns[a]?.rank ?? 0))
  for (const k of byRank) if (chosen.size > 1 && needed() > width) chosen.delete(k)
  let left = width - needed()
  return columns.map((_, k) => {
    if (!chosen.has(k)) return 0
    const more = Math.max(0, Math.min((widths[k] ?? 0) - (least[k] ?? 0), left))
    left -= more
    return Math.min((least[k] ?? 0) + more, width)
  })
}

/** A table of objects: its heading and a line for each. */
export interface ObjectsTable {
  readonly heading: Line
  readonly lines: readonly Line[]
}

/**
 * The table of objects.
 *
 * @param width - of the lines; Infinity for no bound.
 * @param selected - the file of the object whose line stands out.
 */
export function objectsTable(
  rows: readonly Row[],
  width: number,
  characters: BarCharacters,
  hasRates: boolean,
  selected?: string,
): ObjectsTable {
  const columns = columnsOf(characters, hasRates, width)
  const cells = rows.map((row) => columns.map(({ text }) => text(row)))
  const natural = columns.map(({ heading, most = Infinity }, k) =>
    Math.min(most, Math.max(widthOf(heading), ...cells.map((row) => widthOf(row[k] ?? '')))),
  )
  const widths = fitColumns(columns, natural, width)
  const lineOf = (texts: readonly string[]): string =>
    columns
      .map(({ isRight }, k) => ({ k, isRight }))
      .filter(({ k }) => (widths[k] ?? 0) > 0)
      .map(({ k, isRight }) => fit(texts[k] ?? '', widths[k] ?? 0, isRight))
      .join(GAP)
      .trimEnd()
  return {
    heading: [{ text: lineOf(columns.map(({ heading }) => heading)), look: 'bold' }],
    lines: rows.map(({ object }, i) => {
      const text = lineOf(cells[i] ?? [])
      if (object.file === selected) return [{ text: fit(text, Math.min(width, 1000)), look: 'inverse' }]
      return [{ text, look: object.content === 'unknown' ? 'red' : 'plain' }]
    }),
  }
}

/** A line for each process, the living ones first. */
export function processLines({ processes }: ServiceSnapshot, width: number): Line[] {
  const isEnded = ({ living }: ProcessSnapshot): boolean => living === false
  const ordered = [...processes].sort((one, other) => Number(isEnded(one)) - Number(isEnded(other)))
  return ordered.map((one) => {
    const slot = `slot ${String(one.slot).padEnd(4)}`
    const since = `joined ${ageText(one.since)} ago`
    const text = `${slot} process ${String(one.pid).padEnd(7)} ${lifeText(one).padEnd(7)}  ${one.way.padEnd(7)}  ${since.padEnd(17)}  ${printable(one.title)}`
    return [{ text: cut(text, width), look: isEnded(one) ? 'dim' : 'plain' }]
  })
}

/** How many processes live, as a heading. */
export function processesHeading(service: ServiceSnapshot): Line {
  const living = livingCount(service)
  const ended = service.processes.length - (living ?? 0)
  const text =
    living === null
      ? 'processes: this machine does not tell which of them live'
      : `processes: ${grouped(living)} living, ${grouped(ended)} ended`
  return [{ text, look: 'bold' }]
}

/** What there is to say about an object, on as many lines as it needs. */
export function detailLines(row: Row, width: number): Line[] {
  const { object, total, rate, perCpu, overflow } = row
  const lines: Line[] = [
    [
      { text: printable(object.name), look: 'bold' },
      { text: `${GAP}${object.kind}, generation ${object.generation}`, look: 'dim' },
    ],
    [{ text: noteOf(object), look: object.content === 'unknown' ? 'red' : 'plain' }],
    [],
  ]
  const facts: (readonly [string, string])[] = [
    ['total', totalCell({ ...row, total })],
    ['a second', rateCell({ ...row, rate })],
    ...detailsOf(object),
  ]
  const indent = Math.max(...facts.map(([label]) => label.length)) + GAP.length
  for (const [label, text] of facts) {
    lines.push([
      { text: label.padEnd(indent), look: 'dim' },
      { text: cut(text, Math.max(1, width - indent)), look: 'plain' },
    ])
  }
  const shares = [...perCpu, overflow]
  const all = shares.reduce((sum, share) => sum + Math.abs(share), 0)
  if (all === 0) return lines
  lines.push([], [{ text: 'share of each CPU', look: 'bold' }])
  const most = Math.max(...shares.map(Math.abs))
  const room = Math.max(1, Math.min(60, width - indent - 10))
  shares.forEach((share, cpu) => {
    if (cpu === perCpu.length && share === 0) return
    const name = cpu === perCpu.length ? 'overflow' : `CPU ${cpu}`
    const percent = `${((100 * Math.abs(share)) / all).toFixed(1)} %`.padStart(8)
    lines.push([
      { text: name.padEnd(indent), look: 'dim' },
      { text: percent, look: 'plain' },
      { text: `  ${'#'.repeat(Math.round((Math.abs(share) / most) * room))}`, look: 'green' },
    ])
  })
  return lines
}
