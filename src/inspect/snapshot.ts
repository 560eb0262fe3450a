/**
 * What the views from outside show of a service: plain data, which `JSON.stringify` prints as it is. `rseq top --json` prints
 * a {@link ServiceSnapshot}, and `rseq top` and its page draw two of them, one after the other.
 *
 * Totals are exact up to 2**53; beyond that, they are the nearest double. A total that is not finite is null.
 *
 * @module
 */
import type { SharedWay } from '../core/contract.js'
import type { MapContent } from './map-file.js'
import type { MetricContent, MetricsFileContent } from './metric-snapshot.js'

/** A process that has a slot of a service, or had it last. */
export interface ProcessSnapshot {
  /** The slot, 1 to 1,023. */
  readonly slot: number
  /** How often the slot was taken. */
  readonly generation: number
  /** The process id in the process's own PID namespace. */
  readonly pid: number
  /** How it works on the memory. */
  readonly way: SharedWay
  readonly title: string
  /** When the process joined: an ISO 8601 date. */
  readonly since: string
  /** Whether the process lives; null if this machine does not tell (it has no /proc/locks). */
  readonly living: boolean | null
}

/** The owner of a lock, of a stopped shard or of a ring's reader. */
export interface OwnerSnapshot {
  /** The word itself, in hexadecimal. */
  readonly word: string
  /** The slot of the owner's process; 0 if the word names none. */
  readonly slot: number
  /** The number of the thread in its process's table; 0 if no thread can have written the word. */
  readonly thread: number
  /** How often that number was given to a thread. */
  readonly generation: number
  /** Whether the owner's process lives; null if that is unknown. Whether the thread lives, only its process knows. */
  readonly living: boolean | null
}

/** What all objects have. */
export interface ObjectBase {
  readonly name: string
  /** The kind in the name of the file, such as `counter`; {@link ObjectSnapshot} is distinguished by `content`. */
  readonly kind: string
  /** Distinguishes objects of one name and kind with different options, or of another layout. */
  readonly generation: string
  /** Whether the file keeps the totals of a generation that was retired: no process opens it any more. */
  readonly isRetired: boolean
  /** The name of the file. */
  readonly file: string
  /** The size of the file in bytes. */
  readonly bytes: number
  /** How many of these are allocated: a file may be sparse. */
  readonly allocated: number
  /** When the file was made: an ISO 8601 date. */
  readonly made: string
}

/** What all objects have that could be read. */
export interface ReadableBase extends ObjectBase {
  /**
   * The number whose growth is the object's rate: the sum of counters, values in a histogram, bytes written to a ring, values on stacks, nodes on
   * lists, free blocks of a pool, 1 if a mutex is locked, locked CPU locks. Null if there is none, or if it is not finite.
   */
  readonly total: number | null
  /** The share of each CPU in `total`, for the CPUs whose shards are allocated. */
  readonly perCpu: readonly number[]
  /** The share of the overflow shard: what was not written by a section. */
  readonly overflow: number
}

/** A counter, or an array of counters. */
export interface CountersSnapshot extends ReadableBase {
  readonly content: 'counters'
  readonly element: 'i64' | 'f64'
  readonly length: number
  /** The totals of the first counters, at most 256. */
  readonly values: readonly (number | null)[]
}

/** A histogram. `total`, `perCpu` and `overflow` are numbers of values. */
export interface HistogramSnapshot extends ReadableBase {
  readonly content: 'histogram'
  /** Values that differ by less may share a bucket. */
  readonly lowest: number
  /** All larger values share one bucket. */
  readonly highest: number
  /** Significant decimal digits of a value. */
  readonly digits: number
  /** The sum of all values. Null if it is not finite. */
  readonly sum: number | null
  /** The least value; 0 if there is no value. */
  readonly min: number
  /** The greatest value; 0 if there is no value. */
  readonly max: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
}

/** A ring. `total`, `perCpu` and `overflow` are bytes ever written. */
export interface RingSnapshot extends ReadableBase {
  readonly content: 'ring'
  readonly policy: 'discard' | 'overwrite'
  /** Bytes of each CPU's ring. */
  readonly capacity: number
  /** Bytes that each CPU's ring holds: unread ones, or with `overwrite` the last ones. The overflow ring is the last. */
  readonly fill: readonly number[]
  /** Records that found no room. */
  readonly dropped: number
  readonly reader: OwnerSnapshot | null
}

/** A stack for each CPU. */
export interface StackSnapshot extends ReadableBase {
  readonly content: 'stack'
  /** Values that the stack of a CPU has room for. */
  readonly capacity: number
}

/** A process that holds blocks of a pool or nodes of a list. */
export interface HolderSnapshot {
  /** The slot of the process; 0 for blocks that no process has taken yet, or whose notes were overwritten. */
  readonly slot: number
  /** Whether it lives: false for what a dead process held, until it is reclaimed. Null if that is unknown. */
  readonly living: boolean | null
  /** Number of blocks or nodes. */
  readonly count: number
}

/** A list for each CPU. */
export interface ListSnapshot extends ReadableBase {
  readonly content: 'list'
  /** Number of nodes; those beyond `total` are on no list. */
  readonly nodes: number
  /** Who holds the nodes that are on no list, as in {@link PoolSnapshot.holders}. */
  readonly holders: readonly HolderSnapshot[] | null
}

/** A pool. `total` are the free blocks, `perCpu` those in the caches of the CPUs, `overflow` those in the central store. */
export interface PoolSnapshot extends ReadableBase {
  readonly content: 'pool'
  readonly blocks: number
  readonly blockSize: number
  /** Blocks that are not free. */
  readonly taken: number
  /** Who holds the blocks that are not free, the most first. Null if the pool has no notes of that, or more than 65,536 blocks. */
  readonly holders: readonly HolderSnapshot[] | null
}

/** An array of words for each CPU. */
export interface ArraySnapshot extends ReadableBase {
  readonly content: 'array'
  readonly element: 'i64' | 'f64' | 'i32'
  readonly length: number
  /** The words of each CPU, at most 16; the overflow array is the last. Null stands for a value that is not finite. */
  readonly words: readonly (readonly (number | null)[])[]
}

/** A lock that is not free, or that threads wait for. */
export interface LockSnapshot {
  /** The CPU, or `'overflow'`; null for a mutex. */
  readonly cpu: number | 'overflow' | null
  /** Null if it is free. */
  readonly owner: OwnerSnapshot | null
  /** Whether the last owner ended without unlocking it. */
  readonly ownerDied: boolean
  /**
   * Whether threads or tasks have announced that they wait for it. The next unlock takes that back, so it is also true of a
   * lock whose last waiter got it or was killed.
   */
  readonly isAwaited: boolean
}

/** A mutex, or the locks of the CPUs. */
export interface LocksSnapshot extends ReadableBase {
  readonly content: 'mutex' | 'cpuLock'
  /** The locks that are not free or are waited for. */
  readonly locks: readonly LockSnapshot[]
}

/** A file with metrics. */
export type MetricsFile = ReadableBase & MetricsFileContent
/** A series of a metric. */
export type MetricSnapshot = ReadableBase & MetricContent

/** An object of which no content was read. */
export interface UnreadObject extends ObjectBase {
  readonly content: 'unknown'
  /** Why: the file is damaged, is of a newer layout, or of a kind that cannot be read from outside. */
  readonly problem: string
}

/** An object of a service. */
export type ObjectSnapshot =
  | CountersSnapshot
  | HistogramSnapshot
  | RingSnapshot
  | StackSnapshot
  | ListSnapshot
  | PoolSnapshot
  | ArraySnapshot
  | LocksSnapshot
  | (ObjectBase & MapContent)
  | MetricsFile
  | MetricSnapshot
  | UnreadObject

/** A service at one moment. Its objects are read one after the other, while its processes go on. */
export interface ServiceSnapshot {
  /** 1: the version of this type. Fields may be added without another version. */
  readonly format: 1
  /** The name of the service. */
  readonly service: string
  /** The directory that was read. */
  readonly path: string
  /** When it was read: an ISO 8601 date. */
  readonly time: string
  /** When it was read, in milliseconds of a clock that nobody sets: for rates between two snapshots of one process. */
  readonly at: number
  /** The identity that the first process gave the service; empty without one. */
  readonly identity: string
  /** The slots that were ever taken, in their order. */
  readonly processes: readonly ProcessSnapshot[]
  /** In the order of their file names. */
  readonly objects: readonly ObjectSnapshot[]
  /** What is wrong with the service as a whole, such as a damaged file `processes`. */
  readonly problems: readonly string[]
}
