// One process of the service. It may be killed at any instruction.
import { createServer } from 'node:http'
import { openShared } from 'rseq/shared'

const { SHOP, PLACE, REPORT } = process.env
const place = Number(PLACE)

/** Returns what counts a request: in memory that all processes share, or in this process until it reports. */
function counting() {
  if (REPORT !== undefined) {
    let count = 0
    setInterval(() => {
      process.send({ place, count })
      count = 0
    }, Number(REPORT))
    return () => count++
  }
  const shop = openShared(SHOP)
  const requests = shop.counter('requests')
  const byPlace = shop.counterArray('requests-by-place', 4)
  return () => {
    requests.add(1)
    byPlace.increment(place)
  }
}

const count = counting()
createServer((request, response) => {
  // Counted before the answer, so that a client that has its answer finds it counted.
  count()
  response.end('hello\n')
}).listen(0, '127.0.0.1')
