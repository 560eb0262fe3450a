/**
 * The page of `rseq top --web`: a server for the person who started the command, and for nobody else.
 *
 * It listens on 127.0.0.1, where every user of the machine and every page in the person's browser can reach it. So the address
 * contains a random token, without which nothing is there; a request under another host name (DNS rebinding) or from
 * another site's page is refused; and the page may load and ask nothing but this server. It only reads.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import type { ServiceSnapshot } from '../inspect/index.js'

const HOST = '127.0.0.1'
const PAGE = new URL('../../web/', import.meta.url)
const CHARTS = 'uplot'
const TOKEN_BYTES = 24

/** Sent with every answer. The page needs its own files only; and nobody may keep, frame or read the answers. */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
}

/** A file of the page, or what a request is answered with. */
interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string | Buffer
}

/** Options of {@link serveWeb}. */
export interface WebOptions {
  /** Reads the service. Called at most once in an interval, and only while a page asks. */
  readonly sample: () => ServiceSnapshot
  /** Milliseconds between two snapshots. */
  readonly interval: number
  /** The port; 0, the default, for any that is free. */
  readonly port?: number
}

/** A page that is served. */
export interface WebView {
  /** The address, with its token. */
  readonly url: string
  /** Stops the server and ends all its connections. */
  readonly close: () => Promise<void>
}

/** The folder of the chart library. @throws Error that says how to install it. */
function chartFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(CHARTS))
  } catch (error) {
    throw new Error(`--web needs the package ${CHARTS}, which is not installed: npm install ${CHARTS}`, {
      cause: error,
    })
  }
}

/** The files of the page, by the last part of their address. */
function pageFiles(): Map<string, Answer> {
  const charts = chartFolder()
  const file = (type: string, path: string | URL): Answer => ({ status: 200, type, body: readFileSync(path) })
  return new Map([
    ['', file('text/html; charset=utf-8', new URL('page.html', PAGE))],
    ['page.css', file('text/css; charset=utf-8', new URL('page.css', PAGE))],
    ['page.js', file('text/javascript; charset=utf-8', new URL('page.js', PAGE))],
    ['uplot.js', file('text/javascript; charset=utf-8', join(charts, 'uPlot.esm.js'))],
    ['uplot.css', file('text/css; charset=utf-8', join(charts, 'uPlot.min.css'))],
  ])
}

function refusal(status: number, why: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${why}\n` }
}

/** Whether two texts are equal, in a time that does not tell where they differ. */
function areEqual(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(one), digest(other))
}

/** Why a request comes from elsewhere; undefined if it comes from the page itself, from an address bar, or from a program. */
function foreign({ headers }: IncomingMessage, port: number): string | undefined {
  const hosts = [`${HOST}:${port}`, `localhost:${port}`]
  const { host = '', origin } = headers
  const site = headers['sec-fetch-site']
  if (!hosts.includes(host)) return 'this server has another name'
  if (origin !== undefined && origin !== `http://${host}`) return 'not for pages of other origins'
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return 'not for pages of other sites'
  return undefined
}

/** Returns a function that samples at most once in an interval: any number of pages costs as much as one. */
function snapshots({ sample, interval }: WebOptions): () => Answer {
  let last: { at: number; answer: Answer } | undefined
  return () => {
    const now = performance.now()
    if (last !== undefined && now - last.at < interval / 2) return last.answer
    const body = JSON.stringify({ interval, snapshot: sample() })
    const answer = { status: 200, type: 'application/json', body }
    last = { at: now, answer }
    return answer
  }
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  const length = Buffer.byteLength(body)
  response.writeHead(status, { ...HEADERS, 'Content-Type': type, 'Content-Length': length }).end(body)
}

/**
 * Serves the page until it is closed.
 *
 * @throws Error if the chart library is not installed, or if the port is taken.
 */
export async function serveWeb(options: WebOptions): Promise<WebView> {
  const files = pageFiles()
  const snapshot = snapshots(options)
  const token = randomBytes(TOKEN_BYTES).toString('base64url')

  function answer(request: IncomingMessage, port: number): Answer {
    const why = foreign(request, port)
    if (why !== undefined) return refusal(403, why)
    if (request.method !== 'GET') return refusal(405, 'GET only')
    const [, given = '', name, ...rest] = (request.url ?? '').split('/')
    if (!areEqual(given, token) || name === undefined || rest.length > 0) return refusal(404, 'not here')
    if (name !== 'snapshot.json') return files.get(name) ?? refusal(404, 'not here')
    try {
      return snapshot()
    } catch (error) {
      return refusal(503, error instanceof Error ? error.message : String(error))
    }
  }

  const server = createServer((request, response) => {
    send(response, answer(request, (server.address() as AddressInfo).port))
  })
  server.listen(options.port ?? 0, HOST)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${HOST}:${port}/${token}/`,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
