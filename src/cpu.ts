/**
 * Where the calling thread is, for the price of one load: no native call, no system call.
 *
 * The answer is true when it is read and may be old a moment later, when the kernel has moved the
 * thread: good for choosing a cache, a shard or a node's memory, not for holding something still.
 *
 * @module
 */
import { backend } from './backend.js'

const { place } = backend

/**
 * The CPU that the calling thread runs on: 0 to `info().possibleCpus - 1`. On the portable backend,
 * which cannot know, a number of the thread's own in the same range.
 */
export const cpuId: () => number = place.cpuId

/** The NUMA node of that CPU; 0 on the portable backend. A system call before Linux 6.3. */
export const numaNode: () => number = place.numaNode

/**
 * The thread's concurrency id: 0 to min(threads, allowed CPUs) - 1 of this process, no two threads
 * that run at the same time have the same. {@link cpuId} before Linux 6.3 and on the portable backend.
 */
export const concurrencyId: () => number = place.concurrencyId
