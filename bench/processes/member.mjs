// One of the processes of bench/processes/main.mjs: runs the task that it is told to, and answers with its CPU time.
import { openShared } from '../../lib/shared/index.js'

const [directory] = process.argv.slice(2)
const service = openShared('bench', { directory })
const counter = service.counter('added')
const words = new Int32Array(service.array('word', 1024, { element: 'i32' }).buffer)
/** A word in the shard of a CPU that is far from all others: no thread of the benchmark runs there. */
const FAR = words.length - 16
const start = new Int32Array(service.array('start', 16, { element: 'i32' }).buffer)
const GO = start.length - 16

const TASKS = {
  counter(n) {
    for (let i = 0; i < n; i++) counter.add(1)
  },
  atomics(n) {
    for (let i = 0; i < n; i++) Atomics.add(words, FAR, 1)
  },
  async send(n) {
    for (let i = 0; i < n; i++) {
      // Waits for each, as a channel whose reader does not keep up holds all that was sent.
      await new Promise((resolve, reject) =>
        process.send({ value: i }, (error) => (error ? reject(error) : resolve())),
      )
    }
  },
}

const micros = ({ user, system }) => user + system

process.on('message', async ({ task, n, turn }) => {
  process.send({ ready: true })
  // Spins until all are ready, so that they run at once. The parent ends this process if it does not come.
  while (Atomics.load(start, GO) < turn);
  const from = performance.timeOrigin + performance.now()
  const before = process.cpuUsage()
  await TASKS[task](n)
  const spent = micros(process.cpuUsage(before))
  process.send({ spent, from, to: performance.timeOrigin + performance.now() })
})
process.send({ joined: true })
