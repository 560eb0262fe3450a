// The main thread never loads the package: so its Workers have no table of threads in common. One stops a CPU's stack
// and is terminated there; prints what another one's push to that stack answers.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'

if (isMainThread) {
  const start = (workerData) => new Worker(new URL(import.meta.url), { workerData })
  const first = start(null)
  const buffer = await new Promise((resolve, reject) => first.once('message', resolve).once('error', reject))
  await first.terminate()
  const second = start(buffer)
  const pushed = await new Promise((resolve, reject) => second.once('message', resolve).once('error', reject))
  console.log(JSON.stringify(pushed))
} else {
  const { PerCpuStack, info } = await import('../../../lib/index.js')
  if (workerData === null) {
    const stack = new PerCpuStack(4)
    stack.onCpu(0, () => {
      parentPort.postMessage(stack.buffer)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })
  } else {
    const stack = PerCpuStack.from(workerData)
    parentPort.postMessage({ pushed: stack.pushTo(0, 1), popped: stack.popFrom(0), backend: info().backend })
  }
}
