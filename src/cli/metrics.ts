/**
 * `rseq metrics` shows the metrics of a service to Prometheus, from outside its processes.
 *
 * @module
 */
import { once } from 'node:events'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Command, Option } from 'commander'
import { SHM } from '../core/service-files.js'
import { findService } from '../inspect/index.js'
import { expose, handlerOf } from '../metrics/exposition.js'
import type { ExpositionFormat } from '../metrics/negotiation.js'
import type { ExposedFamily } from '../metrics/read.js'
import { MetricsReader, exposedOf } from '../series/reader.js'
import { interruption } from './interruption.js'
import { complain, printable } from './text.js'
import { wholeNumber } from './whole-number.js'

const FORMATS = ['prometheus', 'openmetrics', 'protobuf'] as const
const PATH = '/metrics'

interface Options {
  directory: string
  host: string
  port: number
  once?: true
  format?: ExpositionFormat
}

/** Reads a service that may come and go, and tells a problem of its files once. */
class Looks {
  readonly #given: string
  readonly #directory: string
  #reader: MetricsReader | undefined
  #path: string | undefined
  #told = ''

  constructor(given: string, directory: string) {
    this.#given = given
    this.#directory = directory
  }

  /** @throws Error if there is no such service now, or if it has no metrics that can be read. */
  read(): ExposedFamily[] {
    const place = findService(this.#given, this.#directory)
    if (this.#path !== place.path) this.close()
    this.#path = place.path
    const look = (this.#reader ??= new MetricsReader(place)).read()
    const problem = look.problems.join('; ')
    if (look.files.size === 0) {
      const why =
        problem === ''
          ? 'no process shares metrics by client.share() of rseq/prom-client or shop.metrics() of rseq/shared'
          : problem
      throw new Error(`service: expected one with metrics, got ${place.service}: ${why}`)
    }
    if (problem !== this.#told && problem !== '') complain(problem)
    this.#told = problem
    return exposedOf(look)
  }

  close(): void {
    this.#reader?.close()
    this.#reader = undefined
  }
}

/** Writes the metrics to the output. Resolves when the reader of the output has taken them. */
async function print(looks: Looks, format: ExpositionFormat): Promise<void> {
  for await (const piece of expose(looks.read(), format, 'underscores')) {
    if (piece.length > 0 && !process.stdout.write(piece)) await once(process.stdout, 'drain')
  }
}

function answer(response: ServerResponse, status: number, text: string, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers })
  response.end(`${text}\n`)
}

async function respond(looks: Looks, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path] = (request.url ?? '').split('?')
  if (path !== PATH) {
    answer(response, 404, `Nothing is here; the metrics are at ${PATH}.`)
    return
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    answer(response, 405, 'Expected GET or HEAD.', { allow: 'GET, HEAD' })
    return
  }
  let families: ExposedFamily[]
  try {
    families = looks.read()
  } catch (error) {
    // The service may come back: a scraper shows that this one failed.
    answer(response, 503, printable((error as Error).message))
    return
  }
  await handlerOf(() => families)(request, response)
}

/** Serves the metrics until the command is interrupted. */
async function serve(looks: Looks, { host, port }: Options): Promise<void> {
  const server = createServer((request, response) => {
    respond(looks, request, response).catch((error: unknown) => {
      complain((error as Error).message)
      response.destroy()
    })
  })
  server.listen({ host, port })
  await once(server, 'listening')
  const { address, family, port: taken } = server.address() as AddressInfo
  const shown = family === 'IPv6' ? `[${address}]` : address
  console.log(`http://${shown}:${taken}${PATH}\nCtrl-C ends it.`)
  await interruption()
  server.close()
  server.closeAllConnections()
}

async function run(given: string, options: Options): Promise<void> {
  if (options.format !== undefined && options.once === undefined)
    throw new Error('--format: expected together with --once; who asks a server chooses the format')
  const looks = new Looks(given, options.directory)
  try {
    if (options.once) await print(looks, options.format ?? 'prometheus')
    else {
      // A name that is wrong shows at once.
      looks.read()
      await serve(looks, options)
    }
  } finally {
    looks.close()
  }
}

export function addMetrics(program: Command): void {
  program
    .command('metrics')
    .description('serve the metrics of a service of rseq/prom-client, also of one whose processes are dead')
    .argument('<service>', 'the name of a service, or the path of its directory or of a copy of it')
    .option('--directory <path>', 'where services are', SHM)
    .option('--host <address>', 'the address to listen on; 0.0.0.0 for all of IPv4', '127.0.0.1')
    .option('--port <number>', 'the port to listen on; 0 for any', wholeNumber(0, 65_535), 9464)
    .option('--once', 'print the metrics and end')
    .addOption(new Option('--format <name>', 'the format of --once; prometheus by default').choices(FORMATS))
    .action(run)
}
