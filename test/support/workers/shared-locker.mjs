// Adds to word 0 under a mutex, and to a word of each CPU under the locks of the CPUs, by ordinary loads and stores.
import { workerData } from 'node:worker_threads'
import { Mutex, PerCpuLock } from '../../../lib/index.js'

const { buffers, adds, isLocked } = workerData
const words = new Int32Array(buffers.words)
const mutex = Mutex.from(buffers.mutex)
const locks = PerCpuLock.from(buffers.cpuLock)
for (let i = 0; i < adds; i++) {
  if (isLocked) mutex.lock()
  words[0]++
  if (isLocked) mutex.unlock()
  const cpu = isLocked ? locks.lockThisCpu() : 0
  words[16 + cpu]++
  if (isLocked) locks.unlock(cpu)
}
