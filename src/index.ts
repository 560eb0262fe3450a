/**
 * Per-CPU data for worker threads, on Linux restartable sequences.
 *
 * @module rseq
 */
export { PerCpuCounter } from './counter/counter.js'
export { PerCpuCounterArray } from './counter/counter-array.js'
export { type CounterTreeOptions, PerCpuCounterTree } from './counter/counter-tree.js'
export { CounterBatch } from './counter/counter-batch.js'
export { PerCpuHistogram } from './histogram/histogram.js'
export { type HistogramBucket, HistogramSnapshot } from './histogram/snapshot.js'
export type { HdrRange } from './core/hdr-buckets.js'
export type { CounterOptions } from './counter/counters.js'
export { type ListOptions, PerCpuList } from './stack/list.js'
export type { OwnedList } from './stack/owned-list.js'
export { PerCpuPool, type PoolOptions } from './stack/pool.js'
export { type HeapOptions, PerCpuHeap } from './heap/heap.js'
export { PerCpuArray, type ArrayOptions } from './array/array.js'
export type { ArrayShard } from './array/array-words.js'
export type { OwnedArray } from './array/owned-array.js'
export { type OpvOperation, cpuOpv } from './array/opv.js'
export { PerCpuStack, type StackOptions } from './stack/stack.js'
export type { Abortable, CancelSignal } from './core/abort.js'
export { type IterationOptions, PerCpuRing, type RingOptions } from './ring/ring.js'
export type { RingRecord } from './ring/ring-record.js'
export type { OwnedStack } from './stack/owned-stack.js'
export { type Membarrier, membarrier } from './thread/membarrier.js'
export { type CpuHold, PerCpuLock } from './lock/cpu-lock.js'
export { now, toDate } from './thread/clock.js'
export { concurrencyId, cpuId, numaNode } from './thread/cpu.js'
export { OwnerDiedError, RegionCorruptError, TimeoutError } from './core/errors.js'
export type { SharedWay, Tier } from './core/contract.js'
export type { ElementName } from './core/layout.js'
export type { SelfTest } from './runtime/backend.js'
export { type Features, type Info, info } from './thread/info.js'
export { type Hold, Mutex } from './lock/mutex.js'
export { Rcu, type RcuOptions } from './lock/rcu.js'
export type { LockOptions } from './lock/mutex-queue.js'
export { type Verification, verify } from './thread/verify.js'
export {
  type EntryOptions,
  type MapEntry,
  type MapKey,
  type MapOptions,
  type MapStatistics,
  SharedMap,
} from './map/map.js'
