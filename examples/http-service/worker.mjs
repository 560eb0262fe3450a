// One thread of the service: a server on a port of its own.
import { createServer } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'
import { observeProcess } from 'rseq/metrics'
import { service } from './metrics.mjs'

const metrics = service.open(workerData.metrics)
const inFlight = metrics.inFlight.labels({ thread: workerData.name })
inFlight.set(0)
observeProcess(metrics, { thread: workerData.name })

const items = new Map(Array.from({ length: 100 }, (_, id) => [String(id), `item ${id}`]))

function fibonacci(n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2)
}

/** The route as it is declared, never as it was asked for: label values must not be for strangers to choose. */
function answer({ method, url }) {
  const { pathname, searchParams } = new URL(url, 'http://service')
  if (method !== 'GET') return { route: 'other', status: 405, body: 'GET only' }
  if (pathname === '/') return { route: '/', status: 200, body: 'hello' }
  if (pathname === '/fibonacci') {
    const n = Math.min(25, Number(searchParams.get('n') ?? 15))
    return { route: '/fibonacci', status: 200, body: String(fibonacci(n)) }
  }
  const [, id] = /^\/items\/(\w+)$/.exec(pathname) ?? []
  if (id === undefined) return { route: 'other', status: 404, body: 'no such page' }
  const item = items.get(id)
  return { route: '/items/:id', status: item === undefined ? 404 : 200, body: item ?? 'no such item' }
}

/** For each kind of answer, what it updates: looked up once, then all in one call. */
const batches = new Map()
function batchFor(method, route, status) {
  const key = `${method} ${route} ${status}`
  const known = batches.get(key)
  if (known !== undefined) return known
  const { requests, bytes, duration } = metrics
  const batch = metrics.batch(
    requests.labels({ method, route, status }),
    bytes.labels({ route }),
    duration.labels({ route }),
    inFlight,
  )
  batches.set(key, batch)
  return batch
}

const server = createServer((request, response) => {
  const start = performance.now()
  inFlight.inc()
  const { route, status, body } = answer(request)
  // Counted before the answer, so that a client that has its answer finds it counted.
  const batch = batchFor(request.method === 'GET' ? 'GET' : 'other', route, status)
  batch.commit(1, Buffer.byteLength(body), (performance.now() - start) / 1000, -1)
  response.writeHead(status).end(body)
})
server.listen(workerData.port, '127.0.0.1', () => parentPort.postMessage(server.address().port))
