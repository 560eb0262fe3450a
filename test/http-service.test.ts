/** The example service: what it counts, held against what a load generator and a Prometheus server saw. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import autocannon from 'autocannon'
import { expect, test } from 'vitest'
import { Service } from '../examples/http-service/service.mjs'
import { Prometheus, promtool } from './support/prometheus.js'
import { isInstalled } from './support/toolchains.js'

const PATHS = ['/', '/fibonacci?n=20', '/items/7', '/items/none', '/nowhere']
const CONNECTIONS = 4

/** The total of a metric's series, as a scrape prints it. */
async function scraped(service: Service, metric: string): Promise<number> {
  const text = await (await fetch(service.metricsUrl)).text()
  const lines = text.split('\n').filter((line) => line.startsWith(`${metric}{`))
  return lines.reduce((all, line) => all + Number(line.slice(line.lastIndexOf(' '))), 0)
}

/** A load on a port, which can be ended before its time: the types of autocannon do not say so. */
type Load = Promise<autocannon.Result> & { stop(): void }

function load(port: number, options: Partial<autocannon.Options>): Load {
  const requests = PATHS.map((path) => ({ path }))
  return autocannon({
    url: `http://127.0.0.1:${port}`,
    connections: CONNECTIONS,
    timeout: 100,
    requests,
    ...options,
  }) as Load
}

const portsOf = (service: Service): number[] => service.ports as number[]
const answers = (result: autocannon.Result): number => result['2xx'] + result.non2xx
const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0)

test('every request is counted once', async () => {
  const service = await Service.start({ workers: 3 })
  try {
    const amount = 2000
    const results = await Promise.all(portsOf(service).map((port) => load(port, { amount })))
    expect(results.map(answers)).toEqual([amount, amount, amount])
    expect(await scraped(service, 'http_requests_total')).toBe(3 * amount)
    expect(await scraped(service, 'http_request_duration_seconds_count')).toBe(3 * amount)
    expect(await scraped(service, 'http_requests_in_flight')).toBe(0)
    const { requests } = service.metrics
    const found = requests.labels({ method: 'GET', route: '/items/:id', status: 404 })
    expect(found.value).toBe((3 * amount) / PATHS.length)
  } finally {
    await service.stop()
  }
})

test('workers that are replaced under load lose nothing, and a Prometheus server agrees', async ({
  skip,
}) => {
  const rounds = 6
  const service = await Service.start({ workers: 2 })
  const port = Number(new URL(service.metricsUrl).port)
  const prometheus = isInstalled('prometheus') ? await Prometheus.start(port) : null
  try {
    const loads = portsOf(service).map((worker) => load(worker, { duration: 86_400 }))
    for (let round = 0; round < rounds; round++) {
      // A moment that is random in the service's own progress.
      const moment = (await scraped(service, 'http_requests_total')) + 100 + Math.floor(500 * Math.random())
      while ((await scraped(service, 'http_requests_total')) < moment);
      await service.replace(round % 2)
    }
    for (const one of loads) one.stop()
    const results = await Promise.all(loads)
    const received = sum(results.map(answers))
    const counted = await scraped(service, 'http_requests_total')
    // What was under way when a worker or the load ended is counted or not, and was not received.
    expect(counted).toBeGreaterThanOrEqual(received)
    expect(counted).toBeLessThanOrEqual(received + CONNECTIONS * (rounds + 2))
    expect(received).toBeGreaterThan(rounds * 50)
    expect(await scraped(service, 'http_request_duration_seconds_count')).toBe(counted)

    if (prometheus === null) skip('there is no prometheus here')
    const expression = 'sum(http_requests_total)'
    const [stored] = await (prometheus as Prometheus).until(expression, ([total]) => total?.value === counted)
    expect(stored?.value).toBe(counted)
    const threads = await (prometheus as Prometheus).query('nodejs_thread_heap_used_bytes > 0')
    expect(threads.map(({ labels }) => labels['thread']).sort()).toEqual(['main', 'worker 0', 'worker 1'])
    const [cpu] = await (prometheus as Prometheus).query('sum(process_cpu_seconds_total) > 0')
    expect(cpu?.value).toBeLessThan(1000)
    expect(promtool(await (await fetch(service.metricsUrl)).text())).toBe('')
  } finally {
    await prometheus?.stop()
    await service.stop()
  }
})

test('the example shows live scrapes, and in the end as many requests as answers', async () => {
  const file = join(import.meta.dirname, '..', 'examples', 'http-service', 'main.mjs')
  const { stdout } = await promisify(execFile)(process.execPath, [file, '5'])
  expect(stdout).toMatch(/^http_requests_total\{method="GET",route="\/",status="200"\} [1-9]\d*$/m)
  const [received, counted] = (/(\d+) answers received, (\d+) requests counted/.exec(stdout) ?? [])
    .slice(1)
    .map(Number)
  expect(received).toBeGreaterThan(0)
  expect(counted).toBeGreaterThanOrEqual(received as number)
  // Four connections to each of three workers, each in the middle of a request when the load ends.
  expect(counted).toBeLessThanOrEqual((received as number) + 12)
})
