/**
 * The errors of operations on another CPU's shard.
 *
 * @module
 */
import { backend } from './backend.js'
import { RegionCorruptError, checkInteger } from './errors.js'
import { Status } from './layout.js'

/** @throws TypeError, RangeError unless `cpu` is one of a region with `shards` of them. */
export function checkCpu(cpu: unknown, shards: number): number {
  return checkInteger('cpu', cpu, 0, shards - 1)
}

/** What to throw for a status below 0. `what` is the structure, such as "stack"; `cpu` whose it is, if one was named. */
export function remoteError(answer: number, what: string, cpu?: number): Error {
  const whose = cpu === undefined ? `the ${what}` : `the ${what} of CPU ${cpu}`
  switch (-answer) {
    case Status.corrupt:
      return new RegionCorruptError(
        `rseq: ${whose} holds what no operation leaves there: something has written over its memory`,
      )
    case Status.contended:
      return new Error(`rseq: another thread has stopped ${whose} and did not let it go for ten seconds`)
    case Status.heldAlready:
      return new Error(`rseq: this thread has stopped ${whose} itself, and has not let it go yet`)
    case Status.unfenceable:
      return new Error(
        backend.name === 'portable'
          ? `rseq: restartable sequences write ${whose}, and the portable backend cannot stop them`
          : `rseq: ${whose} cannot be stopped: there is no membarrier for it, and this thread may not run there`,
      )
    case Status.notOwner:
      return new Error(`rseq: ${whose} is not stopped by this call any more`)
    default:
      return new Error(`rseq: ${whose} refused the operation (status ${-answer})`)
  }
}
