// A service on worker threads, its metrics, and a load on it. It prints what a scrape says while the load runs.
// Run it: node examples/http-service/main.mjs [SECONDS], or with --serve and no load, to point a Prometheus at it.
import { setTimeout as pause } from 'node:timers/promises'
import { Service } from './service.mjs'

const SHOWN =
  /^(http_requests_total|http_requests_in_flight|http_request_duration_seconds_(sum|count)|nodejs_thread_cpu)/
const PATHS = ['/', '/fibonacci?n=12', '/items/7', '/items/none']

async function scrape(url) {
  const text = await (await fetch(url)).text()
  return text.split('\n').filter((line) => SHOWN.test(line))
}

/** A load on every worker; resolved with the answers that each path got. */
async function load(ports, seconds) {
  const { default: autocannon } = await import('autocannon')
  const results = await Promise.all(
    ports.map((port) =>
      autocannon({
        url: `http://127.0.0.1:${port}`,
        connections: 4,
        duration: seconds,
        requests: PATHS.map((path) => ({ path })),
      }),
    ),
  )
  return results.reduce((all, result) => all + result['2xx'] + result.non2xx, 0)
}

async function main() {
  if (process.argv[2] === '--serve') {
    const { ports, metricsUrl } = await Service.start({ metricsPort: 9464 })
    console.log(
      `metrics: ${metricsUrl}\nworkers: ${ports.map((port) => `http://127.0.0.1:${port}/`).join(' ')}`,
    )
    return
  }
  const seconds = Number(process.argv[2] ?? 5)
  const service = await Service.start()
  const loaded = load(service.ports, seconds)
  while ((await Promise.race([loaded, pause(1000)])) === undefined) {
    console.log(`${(await scrape(service.metricsUrl)).join('\n')}\n`)
  }
  const answered = (await scrape(service.metricsUrl))
    .filter((line) => line.startsWith('http_requests_total'))
    .reduce((all, line) => all + Number(line.split(' ').at(-1)), 0)
  console.log(`${await loaded} answers received, ${answered} requests counted`)
  await service.stop()
}

await main()
