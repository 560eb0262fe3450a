// Two processes with two worker threads each answer requests for pages, which take a while to render. With one SharedMap, a page
// that any of the four has rendered is there for all; with an lru-cache in each worker, each has to render it, and keeps its own.
// Run it: npm ci && npm run example:shared-cache, or from a built clone: node examples/shared-cache/main.mjs [SECONDS]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openShared } from 'rseq/shared'
import { Clients } from './clients.mjs'
import { CACHE, SERVICE_PREFIX } from './pages.mjs'

const PROCESSES = 2
const SECONDS = 5

const { positionals } = parseArgs({ allowPositionals: true })
const seconds = positionals.length === 0 ? SECONDS : Number(positionals[0])
if (!(seconds > 0)) throw new RangeError(`SECONDS: expected a number above 0, got ${positionals[0]}`)
const service = `${SERVICE_PREFIX}${process.pid}`

/** Starts the processes, lets the clients ask for pages, and returns what came of it. */
async function measure(kind) {
  const file = fileURLToPath(new URL('server.mjs', import.meta.url))
  const children = Array.from({ length: PROCESSES }, () => fork(file, [kind, service]))
  const ports = (await Promise.all(children.map(async (child) => (await once(child, 'message'))[0]))).flat()
  const clients = new Clients(ports)
  await clients.ask(seconds)
  const reports = await Promise.all(
    children.map(async (child) => {
      const report = once(child, 'message')
      child.send('stop')
      return (await report)[0]
    }),
  )
  await Promise.all(children.map(async (child) => child.exitCode ?? once(child, 'exit')))
  const rendered = reports.flat().reduce((sum, one) => sum + one.rendered, 0)
  const bytes = reports.flat().reduce((sum, one) => sum + one.bytes, 0)
  return { rendered, bytes, answers: clients.answers, wrong: clients.wrong }
}

try {
  const shop = openShared(service)
  const cache = shop.map('pages', CACHE)
  const shared = await measure('shared')
  shared.bytes = cache.statistics().bytes
  const { waits } = cache.statistics()
  const alone = await measure('lru')

  const row = (name, { answers, rendered, bytes }) => [
    name,
    `${Math.round(answers / seconds)}`,
    `${rendered}`,
    `${((100 * (answers - rendered)) / answers).toFixed(1)} %`,
    `${(bytes / 2 ** 20).toFixed(1)} MiB`,
  ]
  const table = [
    ['', 'answers/s', 'rendered', 'hits', 'memory of the pages'],
    row('one SharedMap', shared),
    row('an lru-cache in each of 4 workers', alone),
  ]
  const widths = table[0].map((_, column) => Math.max(...table.map((cells) => cells[column].length)))
  for (const cells of table)
    console.log(
      cells
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
  console.log(`\n${waits} times a worker waited for a page that another one was rendering.`)
  const wrong = shared.wrong + alone.wrong
  console.log(wrong === 0 ? 'Every answer was the page that was asked for.' : `${wrong} answers were wrong.`)
  process.exitCode = wrong === 0 ? 0 : 1
} finally {
  rmSync(openShared(service).path, { recursive: true, force: true })
}
