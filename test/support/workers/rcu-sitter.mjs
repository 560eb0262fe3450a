/** Begins a read, says so by `inside[slot]`, and stays in it until `inside[slot]` is 2; then ends it `how`. */
import { workerData } from 'node:worker_threads'
import { Rcu } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { buffer, inside, slot, how } = workerData
const rcu = Rcu.from(buffer)
lineUp()
rcu.readLock()
Atomics.store(inside, slot, 1)
Atomics.notify(inside, slot)
Atomics.wait(inside, slot, 1)
if (how === 'exit') process.exit(0)
if (how === 'unlock') rcu.unlock()
if (how === 'dispose') rcu[Symbol.dispose]()
report()
