/**
 * The CPU, NUMA node and concurrency id of the calling thread, for the price of one load: no native call, no system call.
 *
 * The kernel may move the thread right after the load. Use the answer to choose a cache, a shard or a node's memory; it
 * protects nothing.
 *
 * @module
 */
import { backend } from '../runtime/backend.js'

const { place } = backend

/**
 * Returns the CPU that the calling thread runs on: 0 to `info().possibleCpus - 1`. The portable backend cannot know the CPU
 * and returns a number in this range that is fixed for the thread. The kernel may move the thread at any time. O(1), one
 * load.
 */
export const cpuId: () => number = place.cpuId

/**
 * Returns the NUMA node of the CPU that the calling thread runs on; 0 on the portable backend. O(1): one load, or a system
 * call before Linux 6.3.
 */
export const numaNode: () => number = place.numaNode

/**
 * Returns the thread's concurrency id: 0 to min(threads, allowed CPUs) - 1 of this process. Two threads that run at the same
 * time never have equal ids. Before Linux 6.3 and on the portable backend this is {@link cpuId}. O(1), one load.
 */
export const concurrencyId: () => number = place.concurrencyId
