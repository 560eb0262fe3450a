/**
 * `rseq rm` removes the files of a service, or of one of its objects.
 *
 * @module
 */
import {
  type Stats,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import {
  PROCESSES,
  SERVICE_PREFIX,
  SHM,
  STATUS_BLOCK,
  isServiceFile,
  partsOf,
} from '../core/service-files.js'
import type { ServicePlace } from '../inspect/index.js'
import { livingCount } from './objects.js'
import { bytesText, columns, complain, counted, printable } from './text.js'

interface Options {
  directory: string
  generation?: string
  yes?: true
  force?: true
}

/** What is to be removed: all of a service, or the files of one object. */
interface Target {
  readonly place: ServicePlace
  /** Undefined for all of the service. */
  readonly object: string | undefined
}

/** A file that will be removed. */
interface Doomed {
  readonly file: string
  readonly allocated: number
}

async function findTarget(given: string, directory: string): Promise<Target> {
  const { findService } = await import('../inspect/index.js')
  try {
    return { place: findService(given, directory), object: undefined }
  } catch (error) {
    if (!given.includes('/')) throw error
    const [service, object] = [dirname(given), basename(given)]
    const isName = !service.includes('/') && service !== '.' && service !== '..'
    const place = findService(
      isName && !existsSync(join(directory, SERVICE_PREFIX + service)) ? `./${service}` : service,
      directory,
    )
    return { place, object }
  }
}

/** @throws Error if another user owns it. */
function checkOwner(what: string, { uid }: Stats): void {
  const own = process.geteuid?.() ?? uid
  if (uid !== own) throw new Error(`rm: ${what} belongs to user ${uid}, and this process is user ${own}`)
}

/** The directory of a service, open: its files are named by the descriptor, whatever becomes of its path meanwhile. */
class OpenDirectory {
  readonly path: string
  readonly #file: number

  /** @throws Error if it is a link or no directory, or if another user owns it. */
  constructor(path: string) {
    // Windows and macOS have no such directory of descriptors; there, nobody shares memory.
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants
    try {
      this.#file = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    } catch (error) {
      throw new Error(`rm: ${path}: expected a directory, and no link to one`, { cause: error })
    }
    try {
      checkOwner(path, fstatSync(this.#file))
    } catch (error) {
      this.close()
      throw error
    }
    const byDescriptor = `/proc/self/fd/${this.#file}`
    this.path = existsSync(byDescriptor) ? byDescriptor : path
  }

  /** The files of the layout that are to be removed, and what stands in the way. */
  choose({ object }: Target, generation: string | undefined): { doomed: Doomed[]; strange: string[] } {
    const [doomed, strange]: [Doomed[], string[]] = [[], []]
    for (const file of readdirSync(this.path).sort()) {
      const parts = partsOf(file)
      const isOfObject =
        parts !== undefined &&
        (parts.name === object || file === object) &&
        (generation === undefined || parts.generation === generation)
      if (object !== undefined && !isOfObject) continue
      const stats = lstatSync(join(this.path, file), { throwIfNoEntry: false })
      if (stats === undefined) continue
      if (isServiceFile(file) && stats.isFile() && stats.uid === (process.geteuid?.() ?? stats.uid)) {
        doomed.push({ file, allocated: stats.blocks * STATUS_BLOCK })
      } else strange.push(file)
    }
    // The file with the locks of the living goes last.
    doomed.sort((one, other) => Number(one.file === PROCESSES) - Number(other.file === PROCESSES))
    return { doomed, strange }
  }

  /** Removes a file. Returns whether it was there. */
  remove(file: string): boolean {
    try {
      unlinkSync(join(this.path, file))
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
      throw error
    }
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** @throws Error if a directory is not one of a service: what has another name may be anybody's. */
function checkIsService(path: string, doomed: readonly Doomed[]): void {
  if (basename(path).startsWith(SERVICE_PREFIX) || doomed.some(({ file }) => file === PROCESSES)) return
  throw new Error(
    `rm: ${printable(path)}: expected a directory of a service, and it has no file '${PROCESSES}'`,
  )
}

/** @throws Error if a living process may use the files, unless the user has asked for that. */
async function checkUnused({ place, object }: Target, doomed: readonly Doomed[]): Promise<void> {
  const { readService, usersOf } = await import('../inspect/index.js')
  const advice =
    'stop them first, or give --force: they go on with what they have, and what is opened later is new'
  if (object === undefined) {
    const service = readService(place)
    const living = livingCount(service)
    // Without the file, no process can have a slot.
    const isDamaged = service.problems.length > 0 && doomed.some(({ file }) => file === PROCESSES)
    if (living === null || isDamaged)
      throw new Error(`rm: nothing tells which processes of ${place.service} live; ${advice}`)
    if (living > 0) {
      const who = living === 1 ? 'a living process uses' : `${living} living processes use`
      throw new Error(`rm: ${who} ${place.service}; ${advice}`)
    }
  }
  for (const [file, { isUsed, pids }] of usersOf(
    place.path,
    doomed.map((one) => one.file),
  )) {
    if (file === PROCESSES || isUsed === false) continue
    const who =
      isUsed === null
        ? 'nothing tells whether a process uses it'
        : `it is in use${pids.length === 0 ? '' : ` by ${pids.join(', ')}`}`
    throw new Error(`rm: ${printable(file)}: ${who}; ${advice}`)
  }
}

/** Asks the user. @throws Error if nobody can be asked. */
async function isConfirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new Error('rm: the input is no terminal, so nobody can be asked; give --yes')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim())
  } finally {
    terminal.close()
  }
}

async function run(given: string, options: Options): Promise<void> {
  const target = await findTarget(given, options.directory)
  const { place, object } = target
  if (object === undefined && options.generation !== undefined) {
    throw new Error("rm: --generation is for one object, such as 'shop/requests'")
  }
  const directory = new OpenDirectory(place.path)
  try {
    const { doomed, strange } = directory.choose(target, options.generation)
    if (object === undefined) checkIsService(place.path, doomed)
    else if (doomed.length === 0) {
      throw new Error(`rm: ${printable(given)}: there is no file of that object that this user may remove`)
    }
    if (!options.force) await checkUnused(target, doomed)
    const allocated = doomed.reduce((sum, one) => sum + one.allocated, 0)
    const what = `${counted(doomed.length, 'file')}, ${bytesText(allocated)}, of ${printable(place.path)}`
    if (!options.yes && !(await isConfirmed(`Remove ${what}?`))) {
      console.error('rseq: nothing was removed')
      process.exitCode = 1
      return
    }
    const removed = doomed.filter(({ file }) => directory.remove(file))
    const rows = removed.map((one) => [`removed ${printable(one.file)}`, bytesText(one.allocated)])
    if (rows.length > 0) console.log(columns(['', ''], rows, [1]).trimStart())
    const bytes = removed.reduce((sum, one) => sum + one.allocated, 0)
    console.log(`${counted(removed.length, 'file')}, ${bytesText(bytes)}`)
    if (object === undefined) finish(place.path, strange)
  } finally {
    directory.close()
  }
}

/** Removes the directory if nothing is left in it. */
function finish(path: string, strange: readonly string[]): void {
  if (strange.length > 0) {
    const names = strange.slice(0, 5).map(printable).join(', ')
    complain(
      `${path} stays: ${counted(strange.length, 'entry', 'entries')} are not rseq's, or not this user's: ${names}`,
    )
    process.exitCode = 1
    return
  }
  try {
    rmdirSync(path)
  } catch (error) {
    throw new Error(`rm: ${path} stays: ${(error as NodeJS.ErrnoException).code ?? 'it cannot be removed'}`, {
      cause: error,
    })
  }
}

export function addRm(program: Command): void {
  program
    .command('rm')
    .description('remove the files of a service of rseq/shared that no process uses, or those of one object')
    .argument('<target>', 'SERVICE or SERVICE/OBJECT; a service by its name or by the path of its directory')
    .option('--directory <path>', 'where services are', SHM)
    .option('--generation <hash>', 'only this generation of the object: all by default')
    .option('--yes', 'do not ask')
    .option('--force', 'also if living processes use them, or if nothing tells')
    .action(run)
}
