/** Updates all kinds of the test's metrics `rounds` times, on `routes` routes, each found anew by every worker. */
import { workerData } from 'node:worker_threads'
import { service } from '../metrics-schema.mjs'
import { lineUp, report } from './team.mjs'

const { buffer, rounds, routes } = workerData
const metrics = service.open(buffer)
const batch = metrics.batch(metrics.bytes, metrics.seconds, metrics.size)

lineUp()
for (let k = 0; k < rounds; k++) {
  const route = `/route/${k % routes}`
  metrics.requests.labels({ method: k % 2 === 0 ? 'GET' : 'POST', route }).inc()
  metrics.duration.labels({ route }).observe(k % 4 === 0 ? 0.5 : 0.0625)
  metrics.inFlight.inc()
  batch.commit(10, 0.25, 2)
  metrics.inFlight.dec()
}
report()
