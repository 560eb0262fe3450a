// An HTTP service with a slow endpoint and one that ends the process. It records what it does, and writes no log.
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { openShared } from 'rseq/shared'
import { recordProcess } from 'rseq/trace'
import { events } from './events.mjs'

const [, , name] = process.argv
const trace = events.open(openShared(name))
recordProcess(trace, { channels: ['http.server.request.start'] })

const cached = new Set()

/** Something like a database. One table has no index. */
async function query(table) {
  const end = trace.query(table)
  await pause(table === 'reviews' ? 60 : 1)
  end(table === 'reviews' ? 90_000 : 12)
}

async function product(id) {
  const key = `product ${id}`
  const isHit = cached.has(key)
  trace.cache(key, isHit ? 'hit' : 'miss')
  // The fault that the trace shows: a miss also asks for all reviews.
  if (!isHit) await query('products')
  if (!isHit) await query('reviews')
  cached.add(key)
  return `Product ${id}`
}

async function pay(order) {
  trace.pay(order, 'reserve')
  await query('orders')
  trace.pay(order, 'charge')
  // No handler, no stack trace, no farewell: as if the kernel had run out of memory.
  process.kill(process.pid, 'SIGKILL')
}

const server = createServer(async ({ url }, response) => {
  const end = trace.request(url)
  const [, page, id] = url.split('/')
  const text = page === 'pay' ? await pay(Number(id)) : await product(id)
  response.end(text)
  end(response.statusCode, text.length)
})
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
