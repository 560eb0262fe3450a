/**
 * Per-CPU data for worker threads, on Linux restartable sequences.
 *
 * @packageDocumentation
 */
export { PerCpuCounter } from './counter.js'
export { PerCpuCounterArray } from './counter-array.js'
export { CounterBatch } from './counter-batch.js'
export { PerCpuHistogram } from './histogram.js'
export { type HistogramBucket, HistogramSnapshot } from './histogram-snapshot.js'
export type { HdrRange } from './hdr/buckets.js'
export type { CounterOptions } from './counters.js'
export { PerCpuPool, type PoolOptions } from './pool.js'
export { PerCpuArray, type ArrayOptions } from './array.js'
export type { ArrayShard } from './array-words.js'
export type { OwnedArray } from './owned-array.js'
export { type OpvOperation, cpuOpv } from './opv.js'
export { PerCpuStack, type StackOptions } from './stack.js'
export { PerCpuRing, type RingOptions } from './ring.js'
export type { RingRecord } from './ring-record.js'
export type { OwnedStack } from './owned-stack.js'
export { type Membarrier, membarrier } from './membarrier.js'
export { type CpuHold, PerCpuLock } from './cpu-lock.js'
export { concurrencyId, cpuId, numaNode } from './cpu.js'
export { OwnerDiedError, RegionCorruptError } from './errors.js'
export { type Features, type Info, info } from './info.js'
export { type Hold, Mutex } from './mutex.js'
export { type Verification, verify } from './verify.js'
