// The main thread does not use the package.
import { once } from 'node:events'
import { Worker, isMainThread } from 'node:worker_threads'

if (isMainThread) {
  await once(new Worker(new URL(import.meta.url)), 'exit')
} else {
  const { PerCpuCounter, info } = await import('rseq')
  const counter = new PerCpuCounter()
  counter.add(3)
  console.log(JSON.stringify({ main: info(), workers: [], counted: counter.value, expected: 3 }))
}
