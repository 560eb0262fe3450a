// The CPU time that a scrape of a cluster takes in its primary: with the shared memory of rseq/prom-client, and with
// prom-client's messages. Four workers have 10,000 series each, by both libraries.
import cluster from 'node:cluster'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import shared from '../../lib/prom-client/index.js'

const require = createRequire(import.meta.url)
const WORKERS = 4
const METRICS = 10
const SERIES = 1_000
const ROUNDS = 40

const micros = ({ user, system }) => user + system

/** Counts in all series of a library's metrics. */
function count(client) {
  for (let m = 0; m < METRICS; m++) {
    const counter = new client.Counter({
      name: `requests_${m}_total`,
      help: 'Requests.',
      labelNames: ['method', 'route'],
    })
    for (let k = 0; k < SERIES; k++)
      counter.inc({ method: k % 2 ? 'GET' : 'POST', route: `/items/${k}` }, k + 1)
  }
}

async function beWorker() {
  const theirs = require('prom-client')
  shared.share('scrape', { directory: process.env.SCRAPE_DIRECTORY })
  count(shared)
  count(theirs)
  // Made for its listener, which answers the primary.
  new theirs.AggregatorRegistry()
  process.send('ready')
}

/** Returns milliseconds of CPU time of a scrape, and its text. */
async function scrape(registry) {
  const before = process.cpuUsage()
  const text = await registry.clusterMetrics()
  return { spent: micros(process.cpuUsage(before)) / 1000, text }
}

/** Measures both ways in turn. Returns the pairs of a round, in milliseconds of the primary's CPU time. */
export async function measureScrapes(directory) {
  const theirs = require('prom-client')
  cluster.setupPrimary({ exec: import.meta.filename ?? new URL(import.meta.url).pathname, args: ['worker'] })
  const workers = Array.from({ length: WORKERS }, () => cluster.fork({ SCRAPE_DIRECTORY: directory }))
  try {
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    shared.share('scrape', { directory })
    const registries = { ours: new shared.AggregatorRegistry(), theirs: new theirs.AggregatorRegistry() }
    const rounds = []
    for (let round = 0; round <= ROUNDS; round++) {
      const ours = await scrape(registries.ours)
      const other = await scrape(registries.theirs)
      const [sum, wanted] = [ours, other].map(
        ({ text }) => /requests_3_total\{[^}]*route="\/items\/7"\} (\d+)/.exec(text)?.[1],
      )
      if (sum !== wanted || sum !== String(8 * WORKERS))
        throw new Error(`the scrapes say ${sum} and ${wanted}`)
      // The first one compiles.
      if (round > 0) rounds.push({ ours: ours.spent, theirs: other.spent })
    }
    return rounds
  } finally {
    for (const worker of workers) worker.process.kill('SIGKILL')
  }
}

if (cluster.isWorker && process.argv[2] === 'worker') await beWorker()
