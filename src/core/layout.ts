/**
 * The layout of a region, and the numbers that name its fields. This is the TypeScript counterpart of
 * `native/percpu/region.h`, which draws the layout. Both backends use it.
 *
 * @module
 */
import { HEAP_LENGTH, HEAP_PAGE, MAX_HEAP_PAGES, PAGE_ROW_WORDS } from './heap-classes.js'

/** The kind of structure that a region holds. */
export const Kind = {
  counters: 1,
  stack: 2,
  list: 3,
  pool: 4,
  ring: 5,
  array: 6,
  mutex: 8,
  cpuLock: 9,
  heap: 10,
} as const
export type Kind = (typeof Kind)[keyof typeof Kind]

/** Whether a number from a header is one of those that a table names, such as {@link Kind}. */
export function isValueOf<Value extends number>(
  table: Readonly<Record<string, Value>>,
  value: number,
): value is Value {
  return Object.values(table).includes(value as Value)
}

/** The type of a region's words. */
export const Element = { i64: 1, f64: 2, i32: 3 } as const
export type Element = (typeof Element)[keyof typeof Element]
/** The elements of counters. */
export type ElementName = 'i64' | 'f64'
export const ELEMENTS = ['i64', 'f64'] as const satisfies readonly ElementName[]
/** The elements of arrays. */
export type ArrayElement = keyof typeof Element

export function elementName(element: Element): ElementName {
  return element === Element.f64 ? 'f64' : 'i64'
}

export function arrayElement(element: Element): ArrayElement {
  return element === Element.i32 ? 'i32' : elementName(element)
}

/** Whether regions of a kind may have words of this element. */
export function isElementOf(element: Element, kind: Kind): boolean {
  return element !== Element.i32 || kind === Kind.array
}

/** What numbers the shards. */
export const Index = { cpu: 0, concurrency: 1 } as const
export type Index = (typeof Index)[keyof typeof Index]
export type IndexName = keyof typeof Index

/** The names of the indexes, the default first. */
export const INDEXES = ['cpu', 'concurrency'] as const

export function indexName(index: Index): IndexName {
  return index === Index.cpu ? 'cpu' : 'concurrency'
}

/** How the shards of a region are written: by restartable sequences or by `Atomics`. Fixed when the region is made. */
export const Writers = { sections: 1, atomics: 2 } as const
export type Writers = (typeof Writers)[keyof typeof Writers]

/** What a full ring does with a new record. The header of any other region has 0. */
export const Policy = { discard: 1, overwrite: 2 } as const
export type Policy = (typeof Policy)[keyof typeof Policy]
export type PolicyName = keyof typeof Policy

/** The names of the policies, the default first. */
export const POLICIES = ['discard', 'overwrite'] as const

export function policyName(policy: Policy): PolicyName {
  return policy === Policy.discard ? 'discard' : 'overwrite'
}

/** Why a region cannot be opened; {@link regionProblem} has the text. `noHandleLeft`: the handle table is full. */
export const RegionError = {
  none: 0,
  tooShort: 1,
  magic: 2,
  version: 3,
  kind: 4,
  field: 5,
  geometry: 6,
  misaligned: 7,
  owners: 8,
  noMemory: 9,
  shared: 10,
  noRoom: 11,
  noHandleLeft: 100,
} as const
export type RegionError = (typeof RegionError)[keyof typeof RegionError]

/**
 * The outcome of an operation. The number of an outcome of a section, such as an abort, is below that of `badHandle`; the
 * classes then try again.
 */
export const Status = {
  ok: 0,
  badHandle: 16,
  outOfRange: 17,
  badValue: 18,
  contended: 19,
  full: 20,
  empty: 21,
  corrupt: 22,
  unfenceable: 23,
  wrongPolicy: 24,
  listed: 25,
  busy: 32,
  ownerDied: 33,
  notOwner: 34,
  heldAlready: 35,
  call: 36,
  noRoom: 37,
} as const
export type Status = (typeof Status)[keyof typeof Status]

export const MAGIC = 0x51455352
export const LAYOUT_VERSION = 3
export const HEADER_BYTES = 64
export const SHARD_ALIGNMENT = 128
export const MAX_SHARDS = 1 << 16
/** The alignment in bytes that V8 guarantees for the memory of a SharedArrayBuffer. */
const MEMORY_ALIGNMENT = 16
const WORD_BYTES = 8

/** Positions of the header's fields, in a Uint32Array. */
export const HeaderWord = {
  magic: 0,
  version: 1,
  kind: 2,
  element: 3,
  index: 4,
  writers: 5,
  shards: 6,
  length: 7,
  stride: 8,
  firstShard: 9,
  units: 10,
  unitSize: 11,
  isChecked: 12,
  isShared: 13,
  /** How many leading shards are allocated, in memory that processes share; 0: all. See `native/percpu/extents.h`. */
  allocated: 14,
  policy: 15,
} as const

/** Number of words behind the f64 counters of the overflow shard that coordinate setting a counter; see `native/percpu/counter.cc`. */
const SET_WORDS = 3

/** The most words of a shard: its stride in bytes must fit into 32 bits. */
export const MAX_LENGTH = (2 ** 32 - SHARD_ALIGNMENT) / WORD_BYTES

/** Bytes of a batch entry: element and delta, 32 bits each; see `native/percpu/counter.h`. */
export const BATCH_ENTRY_BYTES = 8
/** The number of sums in a batch is rounded up to a multiple of this; see `native/percpu/counter.h`. */
export const SUMS_AT_ONCE = SHARD_ALIGNMENT / WORD_BYTES
/** Flag in the element of a batch entry: the delta is not a 32-bit integer and is in the array of doubles. */
export const WIDE_DELTA = 1 << 31
/** Flag in the element of a batch entry: the counter is in the second region, and the delta is in the array of doubles. */
export const SECOND_REGION = 1 << 30

/** Positions of a lock's 32-bit words; see `native/percpu/lock_words.h`. */
export const LockWord = { state: 0, stateHigh: 1, wakes: 2, sleepers: 3, callers: 4, calls: 5 } as const
/** Special values of the lower half of a lock's state. Any other value is the lower half of an owner word; see owner.ts. */
export const LockState = { free: 0, ownerDied: 1 << 31 } as const
/** Length of a lock, in words of 8 bytes. */
export const LOCK_LENGTH = 3
/** Flag added to the shard number that `cpuLockTry` answers: the last owner of the lock ended without unlocking it. */
export const LAST_OWNER_DIED = 1 << 20
/** A sleeping waiter looks at the lock at least once in this time, in milliseconds. */
export const LOCK_SLICE_MS = 50

/** Words of a stack's shard before its values: the count and the stop word. */
export const STACK_HEAD = 2
/** Words of a list's shard: the head and the stop word. */
export const LIST_LENGTH = 2

/** Words of a ring's shard before its bytes; see `native/percpu/ring.h`. */
export const RING_HEAD = 32
/** Positions of these words. */
export const RingWord = { head: 0, stop: 1, dropped: 2, tail: 16, reader: 17, wake: 18 } as const
/**
 * Positions of the 32-bit words at `wake` of the overflow shard: whether a reader waits, how often it was called, and the
 * ring's option `tooLong` as a position in {@link TOO_LONG}.
 */
export const RingWake = { waiting: 0, calls: 1, tooLong: 2 } as const
export const RING_WAKE_WORDS = 4
/** What a ring does with a record that is longer than its longest; the default first. */
export const TOO_LONG = ['throw', 'truncate', 'drop'] as const
export type TooLong = (typeof TOO_LONG)[number]
/** The least capacity of a CPU's ring, in bytes. */
export const LEAST_RING = 256
/** The greatest capacity of a CPU's ring, in bytes. */
export const MOST_RING = 2 ** 30
/** Bytes that a record takes in the ring beside its content. */
export const RECORD_FRAME = 24
/** Further bytes of a record that carries its own time. */
export const RECORD_TIME = 8
/** Bytes of the head that a reader's copy of a record begins with. */
export const READ_FRAME = 16
/** Bytes of the longest record: 64 KiB with its frame. */
export const LONGEST_RECORD = 65536 - RECORD_FRAME
/** Bytes of the longest record that goes through a ring's own scratch. Longer ones go through one scratch for each thread. */
export const SHORT_RECORD = 4096
/** Flags beside the thread id in the upper half of a record's first word; see `native/percpu/ring.h`. */
export const RecordBit = { truncated: 1 << 30, hasTime: 1 << 31 } as const
export const RECORD_THREAD = (1 << 30) - 1
const LEAST_RECORDS = 4

/** Bytes of the longest record of a ring with this capacity in bytes. */
export function longestRecord(capacity: number): number {
  return Math.min(capacity / LEAST_RECORDS - RECORD_FRAME, LONGEST_RECORD)
}

/** Bytes of a scratch for records of at most `longest` bytes. */
export function scratchSize(longest: number): number {
  return paddedRecord(longest) + RECORD_TIME
}

/** The length of a record, rounded up to whole words of 8 bytes. */
export function paddedRecord(length: number): number {
  return (length + WORD_BYTES - 1) & -WORD_BYTES
}

/** Words of an array's shard before its elements: the stop word. */
export const ARRAY_HEAD = 1
/** The operations on a word of an array; see `native/percpu/array.h`. */
export const Act = { load: 0, exchange: 1, add: 2, compareExchange: 3 } as const
export type Act = (typeof Act)[keyof typeof Act]
/** Special values of the note about an array's last operation. Other notes are the CPU's shard, or -{@link Status}. */
export const ArrayNote = { overflow: -1, notDone: -2 } as const

/** The operations of a vector; see `native/percpu/opv.h`. Those from `or` to `shiftRight` are for integer arrays only. */
export const OpvKind = {
  ...{ compareEqual: 0, compareNotEqual: 1, store: 2, copy: 3, add: 4 },
  ...{ or: 5, and: 6, xor: 7, shiftLeft: 8, shiftRight: 9, barrier: 10 },
} as const
export type OpvKind = (typeof OpvKind)[keyof typeof OpvKind]
/** The most operations of a vector. */
export const OPV_MOST = 16
/**
 * The encoding of an operation. `kind`, `index` and `from` are positions of 32-bit words, `value` of a 64-bit word; an
 * operation takes `numbers` 32-bit words, which are `values` 64-bit words or `bytes` bytes.
 */
export const OpvWord = { kind: 0, index: 1, from: 2, value: 2, numbers: 6, values: 3, bytes: 24 } as const

/** Whether shards of this kind are allocated when a CPU is first seen, in memory that processes share; see `native/percpu/extents.h`. */
export function hasExtents(kind: Kind): boolean {
  return kind === Kind.counters || kind === Kind.ring || kind === Kind.stack || kind === Kind.array
}

/** The least number of words of a shard of this kind. */
export function leastLength(kind: Kind): number {
  switch (kind) {
    case Kind.stack:
    case Kind.pool:
      return STACK_HEAD + 1
    case Kind.list:
      return LIST_LENGTH
    case Kind.ring:
      return RING_HEAD + LEAST_RING / WORD_BYTES
    case Kind.array:
      return ARRAY_HEAD + 1
    default:
      return 1
  }
}

/** The nodes of a list, the blocks of a pool, or the pages of a heap; see `native/percpu/arena.h`. */
export interface Arena {
  /** Number of units. */
  readonly units: number
  /** Bytes of a unit. */
  readonly unitSize: number
  /** Whether the pool, list or heap is a checked one; see `checked` of PoolOptions and ListOptions. */
  readonly isChecked: boolean
  /** Whether processes share the memory: each unit then has a note of the process that holds it. False by default. */
  readonly isShared?: boolean
}

export const NO_ARENA: Arena = { units: 0, unitSize: 0, isChecked: false }
export const MAX_UNITS = 1 << 28
export const MAX_UNIT_SIZE = 1 << 30
const UNIT_ALIGNMENT = 64

export function hasArena(kind: Kind): boolean {
  return kind === Kind.list || kind === Kind.pool || kind === Kind.heap
}

/** Whether a region of this kind, with shards of so many words, may have such an arena. */
export function isPossibleArena(kind: Kind, length: number, { units, unitSize }: Arena): boolean {
  if (!hasArena(kind)) return true
  if (units <= 0 || unitSize <= 0) return false
  if (kind !== Kind.heap) return units <= MAX_UNITS && unitSize <= MAX_UNIT_SIZE
  return units <= MAX_HEAP_PAGES && unitSize === HEAP_PAGE && length === HEAP_LENGTH
}

/** The state of a block of a checked pool, in the first half of the block's word. */
export const BlockState = { fresh: 0, taken: 1, freed: 2 } as const
/** The state of a node of a checked list, in the first half of the node's second word. */
export const NodeState = { free: 0, listed: 1 } as const
/** A checked pool fills a freed block with bytes of this value. */
export const POISON = 0xdb

/** The configuration of a new region. */
export interface RegionSpec {
  readonly kind: Kind
  readonly element: Element
  readonly index: Index
  readonly writers: Writers
  readonly shards: number
  readonly length: number
  /** 0 unless the region is a ring. */
  readonly policy: Policy | 0
  readonly arena: Arena
}

/** Bytes of a shard of `length` words of 8 bytes, rounded up to a multiple of 128. */
export function shardStride(length: number): number {
  return Math.ceil((length * WORD_BYTES) / SHARD_ALIGNMENT) * SHARD_ALIGNMENT
}

/** Bytes of the overflow shard. */
export function overflowStride(kind: Kind, element: Element, length: number, units: number): number {
  if (kind === Kind.counters && element === Element.f64) return shardStride(length + SET_WORDS)
  return shardStride(kind === Kind.pool ? Math.max(length, units + STACK_HEAD) : length)
}

/** Bytes from one unit to the next, a multiple of 64: no two units share a cache line. */
export function unitStride(unitSize: number): number {
  return Math.ceil(unitSize / UNIT_ALIGNMENT) * UNIT_ALIGNMENT
}

/**
 * Number of the units' words: one each; two in a list that is checked or shared, with states and notes behind all links; eight
 * in a heap.
 */
function unitWordCount(kind: Kind, { units, isChecked, isShared = false }: Arena): number {
  if (kind === Kind.heap) return PAGE_ROW_WORDS * units
  return kind === Kind.list && (isChecked || isShared) ? 2 * units : units
}

/** Bytes from the arena's beginning, where the units' words are, to its first unit. */
export function unitsAfterWords(kind: Kind, arena: Arena): number {
  return shardStride(unitWordCount(kind, arena))
}

/** Bytes from shard 0 to the end of the arena. */
export function sizeOfShards(
  kind: Kind,
  element: Element,
  shards: number,
  length: number,
  arena: Arena,
): number {
  const { units, unitSize } = arena
  const ofUnits = unitsAfterWords(kind, arena) + units * unitStride(unitSize)
  return shards * shardStride(length) + overflowStride(kind, element, length, units) + ofUnits
}

/** Bytes of a region: the header (64), padding that aligns the shards in memory (112), the shards and the arena. */
export function regionSize(
  kind: Kind,
  element: Element,
  shards: number,
  length: number,
  arena = NO_ARENA,
): number {
  return (
    HEADER_BYTES + (SHARD_ALIGNMENT - MEMORY_ALIGNMENT) + sizeOfShards(kind, element, shards, length, arena)
  )
}

/**
 * The magic numbers of objects whose own header precedes the region: ASCII "RSQH", "RSQC", "RSQU", "RSQM" and "RSQE",
 * little-endian.
 */
export const HISTOGRAM_MAGIC = 0x48515352
export const COUNTER_TREE_MAGIC = 0x43515352
export const RCU_MAGIC = 0x55515352
export const METRICS_MAGIC = 0x4d515352
export const TRACE_MAGIC = 0x45515352
/** ASCII "RSQP": the header of a SharedMap. */
export const MAP_MAGIC = 0x50515352

/** The class that makes and opens regions of each kind. */
const CLASS_OF_KIND: Partial<Record<number, string>> = {
  [Kind.counters]: 'PerCpuCounterArray',
  [Kind.stack]: 'PerCpuStack',
  [Kind.list]: 'PerCpuList',
  [Kind.pool]: 'PerCpuPool',
  [Kind.ring]: 'PerCpuRing',
  [Kind.array]: 'PerCpuArray',
  [Kind.mutex]: 'Mutex',
  [Kind.cpuLock]: 'PerCpuLock',
  [Kind.heap]: 'PerCpuHeap',
}

/** The error for a buffer that is not the expected one. `problem` follows "this one". */
export function refusedBuffer(expected: string, problem: string): RangeError {
  return new RangeError(`buffer: expected ${expected}; this one ${problem}`)
}

/** What is wrong with a buffer that does not begin with the expected magic number, to follow "this one". */
export function otherContent(buffer: ArrayBufferLike): string {
  return contentOf(new Uint8Array(buffer)) ?? 'was not made by rseq'
}

/** Says what a buffer holds by its header, and what opens it, to follow "this buffer"; undefined if rseq did not make it. */
export function contentOf(bytes: Uint8Array): string | undefined {
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const word = (position: number): number =>
    4 * position + 4 <= header.byteLength ? header.getUint32(4 * position, true) : 0
  switch (word(HeaderWord.magic)) {
    case HISTOGRAM_MAGIC:
      return 'holds a PerCpuHistogram; PerCpuHistogram.from(buffer) opens it'
    case COUNTER_TREE_MAGIC:
      return 'holds a PerCpuCounterTree; PerCpuCounterTree.from(buffer) opens it'
    case RCU_MAGIC:
      return 'holds an Rcu; Rcu.from(buffer) opens it'
    case METRICS_MAGIC:
      return 'holds metrics of rseq/metrics; open(buffer) of the metrics with the same schema opens it'
    case MAP_MAGIC:
      return 'holds a SharedMap; SharedMap.from(buffer) opens it'
    case TRACE_MAGIC:
      return 'holds the events of a trace: rseq trace shows them'
    case MAGIC: {
      const isOne = word(HeaderWord.kind) === Kind.counters && word(HeaderWord.length) === 1
      const name = isOne ? 'PerCpuCounter' : CLASS_OF_KIND[word(HeaderWord.kind)]
      return name === undefined ? undefined : `holds a ${name}; ${name}.from(buffer) opens it`
    }
    default:
      return undefined
  }
}

/** The text for a RegionError, to follow "this buffer". */
export function regionProblem(error: number, bytes: Uint8Array): string {
  switch (error) {
    case RegionError.tooShort:
      return `is too short for what its header says (it has ${bytes.byteLength} bytes)`
    case RegionError.magic:
      return contentOf(bytes) ?? 'was not made by rseq (it does not begin with the magic number)'
    case RegionError.version: {
      const version = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4 * HeaderWord.version, true)
      return `was made by layout version ${version}; this release of rseq reads version ${LAYOUT_VERSION}`
    }
    case RegionError.kind:
      return contentOf(bytes) ?? 'holds a kind of per-CPU data that this release of rseq does not know'
    case RegionError.field:
      return 'has a header field with an unknown value: it was overwritten, or made by a newer release'
    case RegionError.geometry:
      return 'has shards, length and stride in its header that do not fit together: it was overwritten'
    case RegionError.misaligned:
      return 'starts at an address that is not a multiple of 8'
    case RegionError.owners:
      return 'cannot be used by one more thread: 65,535 threads of this process live that have used locks or stopped CPUs'
    case RegionError.noMemory:
      return 'needs more memory to be opened than this process can get'
    case RegionError.shared:
      return (
        'is memory that processes share: open it by the native library, in the copy of rseq that has mapped it, ' +
        'as a counter, an array of counters or a ring'
      )
    case RegionError.noRoom:
      return 'has memory that is not allocated, and the file system or the cgroup has no room for it'
    default:
      return `was refused for an unknown reason (${error})`
  }
}
