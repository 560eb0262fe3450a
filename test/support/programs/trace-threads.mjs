// Records events in its thread and in two Workers, with names of threads, with flows between them, and with numbers.
import { once } from 'node:events'
import { Worker, isMainThread, workerData } from 'node:worker_threads'
import { openShared } from '../../../lib/shared/index.js'
import { defineEvents, newFlow, threadName } from '../../../lib/trace/index.js'

const definition = defineEvents(
  'shop',
  {
    request: { kind: 'span', fields: { id: 'flow' }, end: { id: 'flow', next: 'flow' } },
    charged: { fields: { cents: 'u32', id: 'flow' } },
    'queue.state': { fields: { depth: 'u32', load: 'f64', total: 'u64', change: 'i64', isFull: 'bool' } },
  },
  { contexts: { thread: threadName } },
)

if (isMainThread) {
  const [, , directory] = process.argv
  process.title = 'a shop'
  const trace = definition.open(openShared('shop', { directory }))
  const [id, next] = [newFlow(), newFlow()]
  const end = trace.request(id)
  trace['queue.state'](1, 0.5, 2n ** 64n - 1n, -3n, true)
  for (const name of ['till', 'store']) {
    const worker = new Worker(new URL(import.meta.url), { name, workerData: { memory: trace.memory, id } })
    await once(worker, 'exit')
  }
  end(id, next)
  trace['queue.state'](2, Infinity, 2n ** 63n - 1n, 4n, false)
  trace.charged(2, next)
  process.stdout.write(JSON.stringify({ id: String(id), next: String(next) }))
} else {
  const { memory, id } = workerData
  const trace = definition.from(memory)
  trace.charged(1, id)
  trace['queue.state'](7, -1.5, 7n, 7n, true)
  trace.charged(0, 0n)
}
