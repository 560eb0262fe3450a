// A process of the example, and its workers: each worker answers requests for pages from its cache.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { LRUCache } from 'lru-cache'
import { openShared } from 'rseq/shared'
import { CACHE, render } from './pages.mjs'

const WORKERS = 2

/** Returns a function that has the page from the cache, or renders it; and what the cache of this worker alone takes. */
function makeCache(kind, service, onRender) {
  const made = (page) => {
    onRender()
    return render(page)
  }
  if (kind === 'shared') {
    const pages = openShared(service).map('pages', CACHE)
    return { page: async (page) => pages.fetch(`page ${page}`, () => made(page)), bytes: () => 0 }
  }
  const pages = new LRUCache({
    max: CACHE.entries,
    sizeCalculation: (text) => text.length,
    maxSize: CACHE.bytes,
  })
  return {
    page: async (page) => {
      const text = pages.get(page) ?? made(page)
      pages.set(page, text)
      return text
    },
    bytes: () => pages.calculatedSize,
  }
}

async function serve({ kind, service }) {
  let rendered = 0
  const cache = makeCache(kind, service, () => rendered++)
  // Longer than a client is away on a busy machine: it must not write to a connection that is being closed.
  const server = createServer({ keepAliveTimeout: 120_000 }, async ({ url }, response) => {
    response.end(await cache.page(Number(url.slice(1))))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  parentPort.postMessage(server.address().port)
  await once(parentPort, 'message')
  server.closeAllConnections()
  server.close()
  parentPort.postMessage({ rendered, bytes: cache.bytes() })
  parentPort.close()
}

async function main() {
  const [, , kind, service] = process.argv
  const file = new URL(import.meta.url)
  const workers = Array.from({ length: WORKERS }, () => new Worker(file, { workerData: { kind, service } }))
  const answers = () => Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]))
  process.send(await answers())
  await once(process, 'message')
  const reports = answers()
  for (const worker of workers) worker.postMessage('stop')
  process.send(await reports)
  process.disconnect()
}

await (isMainThread ? main() : serve(workerData))
