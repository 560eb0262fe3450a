/**
 * `rseq top` shows a service live: in the terminal, as a page, or as JSON.
 *
 * @module
 */
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { SHM } from '../core/service-files.js'
import type { ServiceSnapshot } from '../inspect/index.js'
import type { WholeReader } from '../series/service-reader.js'
import { type Line, barCharacters, objectsTable, processLines, processesHeading } from './top/frame.js'
import { textOf } from './top/line-text.js'
import { type Choice, Model, SORTS, type Sort, choose } from './top/model.js'
import { interruption } from './interruption.js'
import { styleOf } from './style.js'
import { jsonText } from '../core/printable.js'
import { bytesText, complain, counted, printable } from './text.js'
import { wholeNumber } from './whole-number.js'

interface Options {
  directory: string
  once?: true
  json?: true
  web?: true
  port: number
  interval: number
  sort: Sort
  reverse?: true
  filter: string
}

/** Serves the page until the command is interrupted. */
async function showPage(given: string, { directory, port, interval }: Options): Promise<void> {
  const { findService } = await import('../inspect/index.js')
  const { WholeReader } = await import('../series/service-reader.js')
  const { serveWeb } = await import('../web/server.js')
  const place = findService(given, directory)
  const reader = new WholeReader(place, true)
  const web = await serveWeb({ sample: () => reader.read(), interval, port })
  console.log(
    `${printable(place.service)}: ${web.url}\nOnly who has this address can open the page. Ctrl-C ends it.`,
  )
  await interruption()
  await web.close()
  reader.close()
}

/** Looks at a service that may come and go. */
class Looks {
  readonly #given: string
  readonly #directory: string
  #reader: WholeReader | undefined

  constructor(given: string, { directory }: Options) {
    this.#given = given
    this.#directory = directory
  }

  /** @throws Error if there is no such service now. */
  async look(): Promise<ServiceSnapshot> {
    const { findService } = await import('../inspect/index.js')
    const { WholeReader } = await import('../series/service-reader.js')
    const place = findService(this.#given, this.#directory)
    this.#reader ??= new WholeReader(place, true)
    return this.#reader.read()
  }

  close(): void {
    this.#reader?.close()
  }
}

function choiceOf({ sort, reverse, filter }: Options): Choice {
  return { sort, isReversed: reverse === true, filter }
}

/** Prints one look as text. */
function printOnce(model: Model, snapshot: ServiceSnapshot, options: Options): void {
  const style = styleOf(process.stdout)
  const width = process.stdout.isTTY ? process.stdout.columns || 80 : Infinity
  const rows = choose(model.rows, choiceOf(options))
  const table = objectsTable(rows, width, barCharacters(), false)
  const allocated = snapshot.objects.reduce((sum, object) => sum + object.allocated, 0)
  const summary = `${counted(snapshot.objects.length, 'object')}, ${bytesText(allocated)}, ${snapshot.time}`
  const lines: Line[] = [
    [
      { text: printable(snapshot.service), look: 'bold' },
      { text: `  ${printable(snapshot.path)}  ${summary}`, look: 'dim' },
    ],
    ...snapshot.problems.map((problem): Line => [{ text: printable(problem), look: 'red' }]),
    [],
    table.heading,
    ...(rows.length === 0 ? [[{ text: 'no objects', look: 'dim' } as const]] : table.lines),
    [],
    processesHeading(snapshot),
    ...processLines(snapshot, width),
  ]
  console.log(lines.map((line) => textOf(line, style)).join('\n'))
}

/** Prints a snapshot on one line, its objects in the chosen order. Resolves when the reader of the output has taken it. */
async function printJson(model: Model, snapshot: ServiceSnapshot, options: Options): Promise<void> {
  const objects = choose(model.rows, choiceOf(options)).map(({ object }) => object)
  if (!process.stdout.write(`${jsonText({ ...snapshot, objects })}\n`)) {
    await once(process.stdout, 'drain')
  }
}

/** Prints a snapshot at each look, until the command is interrupted. */
async function followJson(looks: Looks, model: Model, options: Options): Promise<void> {
  const stop = new AbortController()
  void interruption().then(() => {
    stop.abort()
  })
  let told = ''
  while (!stop.signal.aborted) {
    try {
      const snapshot = await looks.look()
      model.take(snapshot)
      told = ''
      await printJson(model, snapshot, options)
    } catch (error) {
      const problem = (error as Error).message
      if (problem !== told) complain(problem)
      told = problem
    }
    await pause(options.interval, undefined, { signal: stop.signal }).catch(() => undefined)
  }
}

/** Shows the service on the whole terminal, until the user quits. */
async function showLive(looks: Looks, given: string, model: Model, options: Options): Promise<void> {
  const { Screen } = await import('./top/screen.js')
  const { View } = await import('./top/view.js')
  const { interval } = options
  const view = new View(model, {
    ...{ given, interval, choice: choiceOf(options), characters: barCharacters() },
  })
  const stop = new AbortController()
  const redraw = (): void => {
    screen.draw(view.frame(screen.width, screen.height))
  }
  const screen = new Screen({
    onKey: (key) => {
      if (view.press(key)) redraw()
      else stop.abort()
    },
    onResize: redraw,
  })
  void interruption().then(() => {
    stop.abort()
  })
  screen.open()
  try {
    while (!stop.signal.aborted) {
      if (!view.isPaused) {
        try {
          model.take(await looks.look())
        } catch (error) {
          model.fail((error as Error).message)
        }
        redraw()
      }
      await pause(interval, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  } finally {
    screen.close()
  }
}

async function run(given: string, options: Options): Promise<void> {
  if (options.web) {
    await showPage(given, options)
    return
  }
  const looks = new Looks(given, options)
  const model = new Model()
  try {
    if (options.once) {
      const snapshot = await looks.look()
      model.take(snapshot)
      if (options.json) await printJson(model, snapshot, options)
      else printOnce(model, snapshot, options)
    } else if (options.json) await followJson(looks, model, options)
    else if (process.stdout.isTTY) await showLive(looks, given, model, options)
    else
      throw new Error(
        'rseq top: the output is no terminal; --once prints one look, --json prints all as JSON',
      )
  } finally {
    looks.close()
  }
}

export function addTop(program: Command): void {
  program
    .command('top')
    .description('show a service of rseq/shared live; in the terminal, this needs the package terminal-kit')
    .argument('<service>', 'the name of a service, or the path of its directory or of a copy of it')
    .option('--directory <path>', 'where services are', SHM)
    .addOption(new Option('--once', 'print one look as text, without rates').conflicts('web'))
    .addOption(
      new Option('--json', 'print each look as JSON on a line; with --once, one look').conflicts('web'),
    )
    .option('--web', 'as a page with charts, on 127.0.0.1 and with a secret address; needs the package uplot')
    .option('--port <number>', 'the port of the page; 0 for any', wholeNumber(0, 65_535), 0)
    .option('--interval <milliseconds>', 'time between two looks', wholeNumber(100, 3_600_000), 1000)
    .addOption(
      new Option('--sort <key>', 'order of the objects; those that are equal in it come by name')
        .choices(SORTS)
        .default('rate'),
    )
    .option('--reverse', 'the other way round')
    .option('--filter <text>', 'only objects with this text in their name or kind', '')
    .action(run)
}
