/**
 * Owns the shards of a stack, in the way that `how` says:
 *
 *  - `make`: makes a stack and reports its buffer.
 *  - `own`: stops all CPUs' stacks, one inside of the other, says hello, and lets them go when it may go on.
 */
import { workerData } from 'node:worker_threads'
import * as rseq from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { how, buffer } = workerData

const ways = {
  make() {
    lineUp()
    report(new rseq.PerCpuStack(8).buffer)
  },

  own() {
    const stack = rseq.PerCpuStack.from(buffer)
    const cpus = stack.perCpu().length
    const from = (cpu) => (cpu === cpus ? lineUp('owned') : stack.onCpu(cpu, () => from(cpu + 1)))
    from(0)
    report()
  },
}

ways[how]()
