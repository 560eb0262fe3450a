// Run with --expose-gc. Takes locks by objects that are collected while they have them; prints whether others can take
// the locks then: here while this thread lives, and after a Worker that did so has ended.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { Mutex, OwnerDiedError, PerCpuLock } from '../../../lib/index.js'

const turn = () => new Promise((resolve) => setImmediate(resolve))

async function collected(make) {
  let gone = false
  const registry = new FinalizationRegistry(() => (gone = true))
  const held = (() => {
    const lock = make()
    registry.register(lock)
    return lock instanceof Mutex ? lock.lock() && null : lock.lockThisCpu()
  })()
  for (let turns = 0; turns < 10_000 && !gone; turns++) {
    globalThis.gc()
    await turn()
  }
  // The native side ends with its JavaScript object, a turn later.
  for (let turns = 0; turns < 10; turns++) await turn()
  return { gone, held }
}

const attempt = (lock) => {
  try {
    return lock()
  } catch (error) {
    if (error instanceof OwnerDiedError) return 'OwnerDiedError'
    throw error
  }
}

const buffer = isMainThread ? new Mutex().buffer : workerData
const mutex = await collected(() => Mutex.from(buffer))
if (isMainThread) {
  const locks = new PerCpuLock().buffer
  const ofCpu = await collected(() => PerCpuLock.from(locks))
  const states = new BigInt64Array(locks)
  const taken = states.filter((word) => word !== 0n).length
  const again = attempt(() => Mutex.from(buffer).tryLock(20))
  for (let turns = 0; turns < 10; turns++) await turn()
  const next = new Mutex().buffer
  const worker = new Worker(new URL(import.meta.url), { workerData: next })
  const { value } = await new Promise((resolve) => worker.once('message', (value) => resolve({ value })))
  const whileItLives = attempt(() => Mutex.from(next).tryLock(100))
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  worker.postMessage('end')
  await ended
  const afterItsEnd = attempt(() => Mutex.from(next).tryLock(10_000))
  const gone = [mutex.gone, ofCpu.gone, value]
  console.log(JSON.stringify({ gone, again, whileItLives, afterItsEnd, taken: taken > 0 }))
} else {
  parentPort.postMessage(mutex.gone)
  parentPort.once('message', () => parentPort.close())
}
