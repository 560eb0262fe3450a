// Prints where this thread is, as the package says.
import { concurrencyId, cpuId, info, numaNode } from '../../../lib/index.js'

const { possibleCpus } = info()
console.log(JSON.stringify({ cpu: cpuId(), node: numaNode(), concurrency: concurrencyId(), possibleCpus }))
