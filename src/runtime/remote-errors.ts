/**
 * The errors of operations on another CPU's shard.
 *
 * @module
 */
import { backend } from './backend.js'
import { RegionCorruptError, checkInteger, disposedError } from '../core/errors.js'
import { Status } from '../core/layout.js'

/** Why memory that processes share cannot be used, to follow the name of an object. */
export const NOT_ALLOCATED =
  'is in memory that is not allocated, and there is no room for it: the file system or the cgroup is full, ' +
  'or something has written over the header or truncated the file'

/** @throws TypeError, RangeError unless `cpu` is an integer from 0 to `shards` - 1. */
export function checkCpu(cpu: unknown, shards: number): number {
  return checkInteger('cpu', cpu, 0, shards - 1)
}

/** Another possible cause of damaged words, besides overwritten memory: a mistake that only checked lists detect. */
function causeOf(what: string): string {
  return what === 'list' ? 'a node was pushed while it was on a list already, or ' : ''
}

/** The error for a status below 0. `what` names the structure, such as "stack"; `cpu` is the CPU, if the caller named one. */
export function remoteError(answer: number, what: string, cpu?: number): Error {
  const whose = cpu === undefined ? `the ${what}` : `the ${what} of CPU ${cpu}`
  switch (-answer) {
    case Status.corrupt:
      return new RegionCorruptError(
        `rseq: ${whose} holds values that no operation writes: ${causeOf(what)}something has written over its memory`,
      )
    case Status.contended:
      return new Error(`rseq: another thread has stopped ${whose} and did not let it go for ten seconds`)
    case Status.heldAlready:
      return new Error(`rseq: this thread has stopped ${whose} itself, and has not let it go yet`)
    case Status.unfenceable:
      return new Error(
        backend.name === 'portable'
          ? `rseq: restartable sequences write ${whose}, and the portable backend cannot stop them`
          : `rseq: ${whose} cannot be stopped: there is no membarrier for it, and this thread may not run there, or did not get its CPU affinity back`,
      )
    case Status.notOwner:
      return new Error(`rseq: ${whose} is not stopped by this call any more`)
    case Status.noRoom:
      return new Error(`rseq: ${whose} ${NOT_ALLOCATED}`)
    case Status.badHandle:
      return disposedError()
    default:
      return new Error(`rseq: ${whose} refused the operation (status ${-answer})`)
  }
}
