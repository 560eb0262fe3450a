/**
 * `rseq ls` lists services, or the objects of one.
 *
 * @module
 */
import type { Command } from 'commander'
import { SHM } from '../core/service-files.js'
import type { ServiceSnapshot, Users } from '../inspect/index.js'
import { describeObject, livingCount } from './objects.js'
import { type Style, styleOf } from './style.js'
import { jsonText } from '../core/printable.js'
import { ageText, bytesText, columns, complain, counted, grouped, printable } from './text.js'

/** The most processes that are named as users of one object. */
const MOST_NAMED = 4

/** Who uses an object: process ids where they can be seen, and `-` where nothing can. */
export function usersText({ isUsed, pids }: Users = { isUsed: null, pids: [] }): string {
  if (isUsed === null) return '-'
  if (!isUsed) return 'nobody'
  if (pids.length === 0) return 'somebody'
  const more = pids.length - MOST_NAMED
  return `${pids.slice(0, MOST_NAMED).join(', ')}${more > 0 ? `, ${counted(more, 'other')}` : ''}`
}

function objectsTable({ objects }: ServiceSnapshot, users: ReadonlyMap<string, Users>, style: Style): string {
  const rows = objects.map((object) => [
    printable(object.name),
    object.kind,
    object.isRetired ? `${object.generation} retired` : object.generation,
    bytesText(object.bytes),
    bytesText(object.allocated),
    ageText(object.made),
    usersText(users.get(object.file)),
    object.content === 'unknown' ? style.red(describeObject(object)) : describeObject(object),
  ])
  return columns(
    ['object', 'kind', 'generation', 'size', 'allocated', 'age', 'used by', 'what it holds'].map((text) =>
      style.bold(text),
    ),
    rows,
    [3, 4, 5],
  )
}

function servicesTable(services: readonly ServiceSnapshot[], style: Style): string {
  const rows = services.map((service) => {
    const allocated = service.objects.reduce((sum, object) => sum + object.allocated, 0)
    const living = livingCount(service)
    return [
      printable(service.service),
      grouped(service.objects.length),
      bytesText(allocated),
      living === null ? 'unknown' : grouped(living),
      printable(service.path),
    ]
  })
  return columns(
    ['service', 'objects', 'allocated', 'processes', 'directory'].map((text) => style.bold(text)),
    rows,
    [1, 2, 3],
  )
}

function detail(service: ServiceSnapshot, users: ReadonlyMap<string, Users>, style: Style): string {
  const living = service.processes.filter((one) => one.living !== false)
  const who = living.map(
    ({ slot, pid, way, title, since }) =>
      `  slot ${slot}: process ${pid} (${way}), ${printable(title)}, since ${ageText(since)}`,
  )
  const isUnknown = livingCount(service) === null
  const heading = isUnknown
    ? 'This machine does not tell which processes live.'
    : `living processes: ${living.length}`
  const problems = service.problems.map((problem) => style.red(printable(problem)))
  const objects = service.objects.length === 0 ? 'no objects' : objectsTable(service, users, style)
  return [...problems, objects, '', heading, ...(isUnknown ? [] : who)].join('\n')
}

async function run(given: string | undefined, options: { directory?: string; json?: true }): Promise<void> {
  const { findService, readService, servicesIn, usersOf } = await import('../inspect/index.js')
  const style = styleOf(process.stdout)
  if (given !== undefined) {
    const { WholeReader } = await import('../series/service-reader.js')
    const reader = new WholeReader(findService(given, options.directory), false)
    const service = reader.read()
    reader.close()
    const files = service.objects.map(({ file }) => file)
    const users = usersOf(service.path, files)
    const objects = service.objects.map((object) => ({ ...object, users: users.get(object.file) ?? null }))
    console.log(options.json ? jsonText({ ...service, objects }, 2) : detail(service, users, style))
    return
  }
  const services: ServiceSnapshot[] = []
  for (const name of servicesIn(options.directory)) {
    try {
      services.push(readService(findService(name, options.directory)))
    } catch (error) {
      // One that another user keeps to himself, or that was removed since, does not hide the others.
      complain((error as Error).message)
    }
  }
  if (options.json) console.log(jsonText(services, 2))
  else
    console.log(
      services.length === 0 ? `no services in ${options.directory ?? SHM}` : servicesTable(services, style),
    )
}

export function addLs(program: Command): void {
  program
    .command('ls')
    .description('list the services whose memory processes share, or the objects of one')
    .argument('[service]', 'the name of a service, or the path of its directory or of a copy of it')
    .option('--directory <path>', 'where services are', SHM)
    .option('--json', 'print snapshots as JSON')
    .action(run)
}
