// A service of four processes that shows its metrics to Prometheus, as users of prom-client write it.
import cluster from 'node:cluster'
import { createServer } from 'node:http'
import client from 'rseq/prom-client'

const WORKERS = 4
const { PORT = '3000', METRICS_PORT = '9464' } = process.env
client.share(process.env.SERVICE ?? 'shop')
const registry = new client.AggregatorRegistry()

const requests = new client.Counter({
  name: 'http_requests_total',
  help: 'Answered requests.',
  labelNames: ['method', 'route', 'status'],
})
const duration = new client.Histogram({
  name: 'http_request_duration_seconds',
  help: 'Time to answer.',
  labelNames: ['route'],
  buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1],
})
const inFlight = new client.Gauge({
  name: 'http_requests_in_flight',
  help: 'Requests that are being answered.',
})

const ROUTES = {
  '/': () => [200, 'Welcome to the shop.'],
  '/items': () => [200, JSON.stringify(['tea', 'coffee'])],
  '/broken': () => [500, 'This page is broken.'],
}

function answer(request, response) {
  inFlight.inc()
  const route = request.url in ROUTES ? request.url : 'unknown'
  const end = duration.startTimer({ route })
  const [status, body] = ROUTES[route]?.() ?? [404, 'Nothing is here.']
  setImmediate(() => {
    requests.inc({ method: request.method, route, status })
    end()
    inFlight.dec()
    response.writeHead(status).end(body)
  })
}

async function show(request, response) {
  try {
    const text = await registry.clusterMetrics()
    response.writeHead(200, { 'content-type': registry.contentType }).end(text)
  } catch (error) {
    response.writeHead(500).end(error.message)
  }
}

if (cluster.isPrimary) {
  for (let k = 0; k < WORKERS; k++) cluster.fork()
  cluster.on('exit', () => cluster.fork())
  const server = createServer(show).listen(METRICS_PORT, '127.0.0.1', () => {
    console.log(`metrics on port ${server.address().port}`)
  })
} else {
  client.collectDefaultMetrics()
  const server = createServer(answer).listen(PORT, '127.0.0.1', () => {
    console.log(`worker ${process.pid} on port ${server.address().port}`)
  })
}
