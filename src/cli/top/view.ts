/**
 * The live view of `rseq top`: what a key does, and the lines of the whole screen. Knows no terminal.
 *
 * @module
 */
import { bytesText, counted, fit, grouped, printable, widthOf } from '../text.js'
import {
  type BarCharacters,
  type Line,
  type Segment,
  bounded,
  detailLines,
  objectsTable,
  processLines,
  processesHeading,
} from './frame.js'
import { type Choice, type Model, type Row, SORTS, choose } from './model.js'

/** A key, as `node:readline` names it. */
export interface Key {
  readonly name?: string | undefined
  /** The characters that the key sent. */
  readonly sequence?: string | undefined
  readonly ctrl?: boolean | undefined
  readonly meta?: boolean | undefined
}

/** What the screen is filled with. */
type Page = 'objects' | 'processes' | 'details'

/** The longest filter; no name is longer. */
const LONGEST_FILTER = 120
/** Lines for processes below the objects, on a terminal that is high enough for both. */
const MOST_PROCESSES = 6
const HEIGHT_FOR_BOTH = 18

/** How the view begins, and what it says about itself. */
export interface ViewOptions {
  readonly choice: Choice
  /** What is looked at, as the user gave it. */
  readonly given: string
  /** Milliseconds between two looks. */
  readonly interval: number
  readonly characters: BarCharacters
}

/** A text on the left and one on the right side, if both have room. */
function ends(left: Line, right: string, width: number): Line {
  const space = width - left.reduce((sum, { text }) => sum + widthOf(text), 0) - widthOf(right)
  return space < 2 ? left : [...left, { text: ' '.repeat(space) + right, look: 'dim' }]
}

/** The live view. */
export class View {
  readonly #model: Model
  readonly #options: ViewOptions
  #choice: Choice
  #page: Page = 'objects'
  #selected: string | undefined
  /** The first line that is shown of the table, of the processes or of the details. */
  #first = 0
  /** Number of lines that the last frame had for them. */
  #room = 1
  #isTyping = false
  #isPaused = false

  constructor(model: Model, options: ViewOptions) {
    this.#model = model
    this.#options = options
    this.#choice = options.choice
  }

  /** Whether the user has asked for no more looks for now. */
  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Does what a key asks for. @returns whether the view goes on. */
  press(key: Key): boolean {
    if (key.ctrl === true && key.name === 'c') return false
    if (this.#isTyping) this.#type(key)
    else if (key.name === 'q') return false
    else this.#command(key)
    return true
  }

  #type({ name, sequence = '', ctrl, meta }: Key): void {
    const { filter } = this.#choice
    if (name === 'return' || name === 'enter') this.#isTyping = false
    else if (name === 'escape') this.#endTyping()
    else if (name === 'backspace') this.#filter(filter.replace(/.$/u, ''))
    else if (ctrl === true && name === 'u') this.#filter('')
    else if (ctrl !== true && meta !== true && sequence !== '' && printable(sequence) === sequence) {
      this.#filter(filter + sequence)
    }
  }

  #filter(filter: string): void {
    this.#choice = { ...this.#choice, filter: filter.slice(0, LONGEST_FILTER) }
    this.#first = 0
  }

  #endTyping(): void {
    this.#isTyping = false
    this.#filter('')
  }

  #command({ name, sequence }: Key): void {
    const { sort, isReversed } = this.#choice
    if (name === 's') {
      const next = SORTS[(SORTS.indexOf(sort) + 1) % SORTS.length] ?? 'rate'
      this.#choice = { ...this.#choice, sort: next }
    } else if (name === 'r') this.#choice = { ...this.#choice, isReversed: !isReversed }
    else if (name === 'p' || name === 'space') this.#isPaused = !this.#isPaused
    else if (sequence === '/') {
      this.#turnTo('objects')
      this.#isTyping = true
    } else if (name === 'tab') this.#turnTo(this.#page === 'processes' ? 'objects' : 'processes')
    else if (name === 'return' || name === 'enter') {
      this.#selected ??= this.#shown()[0]?.object.file
      this.#turnTo(this.#page === 'objects' && this.#selected !== undefined ? 'details' : 'objects')
    } else if (name === 'escape') this.#escape()
    else if (name !== undefined) this.#move(name)
  }

  #escape(): void {
    if (this.#page === 'objects') this.#filter('')
    else this.#turnTo('objects')
  }

  #turnTo(page: Page): void {
    this.#page = page
    this.#first = 0
  }

  #move(name: string): void {
    const page = Math.max(1, this.#room - 1)
    const steps: Readonly<Record<string, number>> = {
      ...{ up: -1, k: -1, down: 1, j: 1, pageup: -page, pagedown: page, home: -Infinity, end: Infinity },
    }
    const step = Object.hasOwn(steps, name) ? steps[name] : undefined
    if (step === undefined) return
    if (this.#page !== 'objects') {
      // The next frame has the bound.
      this.#first = Math.max(0, Math.min(this.#first + step, Number.MAX_SAFE_INTEGER))
      return
    }
    const rows = this.#shown()
    const at = rows.findIndex(({ object }) => object.file === this.#selected)
    const next = at === -1 && Number.isFinite(step) ? 0 : at + step
    this.#selected = rows[Math.max(0, Math.min(next, rows.length - 1))]?.object.file
  }

  #shown(): Row[] {
    return choose(this.#model.rows, this.#choice)
  }

  /** The lines of a screen: exactly `height` of them, none of which is wider than `width`. */
  frame(width: number, height: number): Line[] {
    const head = [this.#title(width), this.#summary(width), ...this.#problems()]
    const room = Math.max(0, height - head.length - 1)
    const body = this.#body(width, room).slice(0, room)
    while (body.length < room) body.push([])
    return [...head, ...body, this.#keys()].slice(0, height).map((line) => bounded(line, width))
  }

  #title(width: number): Line {
    const { snapshot } = this.#model
    const name = snapshot?.service ?? this.#options.given
    const path: Segment[] =
      snapshot === undefined ? [] : [{ text: `  ${printable(snapshot.path)}`, look: 'dim' }]
    const time = snapshot === undefined ? '' : `${snapshot.time.slice(11, 19)} UTC`
    return ends([{ text: printable(name), look: 'bold' }, ...path], time, width)
  }

  #summary(width: number): Line {
    const { snapshot, problem } = this.#model
    if (problem !== undefined) return [{ text: printable(problem), look: 'red' }]
    if (snapshot === undefined) return [{ text: 'looking', look: 'dim' }]
    const { objects } = snapshot
    const allocated = objects.reduce((sum, object) => sum + object.allocated, 0)
    const shown = this.#choice.filter === '' ? '' : `${grouped(this.#shown().length)} of `
    const parts = [`${shown}${counted(objects.length, 'object')}`, bytesText(allocated)]
    if (this.#choice.filter !== '') parts.push(`filter '${printable(this.#choice.filter)}'`)
    const how = this.#isPaused ? 'paused' : `every ${this.#options.interval / 1000} s`
    return ends([{ text: parts.join(', '), look: 'plain' }], how, width)
  }

  #problems(): Line[] {
    const problems = this.#model.snapshot?.problems ?? []
    return problems.slice(0, 2).map((problem) => [{ text: printable(problem), look: 'red' }])
  }

  #body(width: number, room: number): Line[] {
    const { snapshot } = this.#model
    if (snapshot === undefined) return []
    if (this.#page === 'processes') {
      return [processesHeading(snapshot), ...this.#window(processLines(snapshot, width), room - 1)]
    }
    if (this.#page === 'details') {
      const row = this.#model.rows.find(({ object }) => object.file === this.#selected)
      if (row !== undefined) return this.#window(detailLines(row, width), room)
      this.#turnTo('objects')
    }
    if (room < HEIGHT_FOR_BOTH) return this.#table(width, room)
    const processes = processLines(snapshot, width).slice(0, MOST_PROCESSES)
    const above = room - processes.length - 2
    const table = this.#table(width, above)
    while (table.length < above) table.push([])
    return [...table, [], processesHeading(snapshot), ...processes]
  }

  /** The lines of a page that are in sight. */
  #window(lines: readonly Line[], room: number): Line[] {
    this.#room = Math.max(1, room)
    this.#first = Math.max(0, Math.min(this.#first, lines.length - this.#room))
    return lines.slice(this.#first, this.#first + this.#room)
  }

  #table(width: number, room: number): Line[] {
    const rows = this.#shown()
    this.#room = Math.max(1, room - 1)
    const at = rows.findIndex(({ object }) => object.file === this.#selected)
    if (at !== -1) this.#first = Math.max(at - this.#room + 1, Math.min(this.#first, at))
    this.#first = Math.max(0, Math.min(this.#first, rows.length - this.#room))
    const inSight = rows.slice(this.#first, this.#first + this.#room)
    const { heading, lines } = objectsTable(inSight, width, this.#options.characters, true, this.#selected)
    if (rows.length > 0) return [heading, ...lines]
    const why = this.#choice.filter === '' ? 'There are no objects.' : 'No object matches the filter.'
    return [heading, [{ text: why, look: 'dim' }]]
  }

  #keys(): Line {
    if (this.#isTyping) {
      return [
        { text: 'filter: ', look: 'bold' },
        { text: printable(this.#choice.filter), look: 'plain' },
        { text: ' ', look: 'inverse' },
        { text: '  Enter keeps it, Esc clears it', look: 'dim' },
      ]
    }
    const { sort, isReversed } = this.#choice
    const keys: (readonly [key: string, what: string])[] = [
      ['q', 'quit'],
      ['s', `sort: ${sort}${isReversed ? ' reversed' : ''}`],
      ['r', 'reverse'],
      ['/', 'filter'],
      ['p', this.#isPaused ? 'go on' : 'pause'],
      ['Enter', this.#page === 'details' ? 'back' : 'details'],
      ['Tab', this.#page === 'processes' ? 'objects' : 'processes'],
    ]
    return keys.flatMap(([key, what]): Segment[] => [
      { text: fit(` ${key} `, widthOf(key) + 2), look: 'inverse' },
      { text: ` ${what}  `, look: 'dim' },
    ])
  }
}
