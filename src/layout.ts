/**
 * The layout of a region, and the numbers that name its fields: the TypeScript twin of
 * `native/percpu/region.h`, which draws the picture. Shared by both backends.
 *
 * @module
 */

/** What a region holds. */
export const Kind = {
  counters: 1,
  stack: 2,
  list: 3,
  pool: 4,
  ring: 5,
  array: 6,
  mutex: 8,
  cpuLock: 9,
} as const
export type Kind = (typeof Kind)[keyof typeof Kind]

/** The type of a region's words. */
export const Element = { i64: 1, f64: 2, i32: 3 } as const
export type Element = (typeof Element)[keyof typeof Element]
/** The elements of counters. */
export type ElementName = 'i64' | 'f64'
/** Those of arrays. */
export type ArrayElement = keyof typeof Element

export function elementName(element: Element): ElementName {
  return element === Element.f64 ? 'f64' : 'i64'
}

export function arrayElement(element: Element): ArrayElement {
  return element === Element.i32 ? 'i32' : elementName(element)
}

/** Whether regions of a kind may have such words. */
export function isElementOf(element: Element, kind: Kind): boolean {
  return element !== Element.i32 || kind === Kind.array
}

/** What numbers the shards. */
export const Index = { cpu: 0, concurrency: 1 } as const
export type Index = (typeof Index)[keyof typeof Index]
export type IndexName = keyof typeof Index

/** Their names, the default first. */
export const INDEXES = ['cpu', 'concurrency'] as const

export function indexName(index: Index): IndexName {
  return index === Index.cpu ? 'cpu' : 'concurrency'
}

/** How a region's shards are written, for its whole life. */
export const Writers = { sections: 1, atomics: 2 } as const
export type Writers = (typeof Writers)[keyof typeof Writers]

/** What becomes of a ring's record that finds no room; 0 where a region is no ring. */
export const Policy = { discard: 1, overwrite: 2 } as const
export type Policy = (typeof Policy)[keyof typeof Policy]
export type PolicyName = keyof typeof Policy

/** Their names, the default first. */
export const POLICIES = ['discard', 'overwrite'] as const

export function policyName(policy: Policy): PolicyName {
  return policy === Policy.discard ? 'discard' : 'overwrite'
}

/** Why a region is refused; {@link regionProblem} has the words. 100 is a full handle table. */
export const RegionError = {
  none: 0,
  tooShort: 1,
  magic: 2,
  version: 3,
  kind: 4,
  field: 5,
  geometry: 6,
  misaligned: 7,
  noHandleLeft: 100,
} as const
export type RegionError = (typeof RegionError)[keyof typeof RegionError]

/** What an operation answers; {@link ./status.ts} turns it into errors. */
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
  busy: 32,
  ownerDied: 33,
  notOwner: 34,
  heldAlready: 35,
  call: 36,
} as const
export type Status = (typeof Status)[keyof typeof Status]

export const MAGIC = 0x51455352
export const LAYOUT_VERSION = 1
export const HEADER_BYTES = 64
export const SHARD_ALIGNMENT = 128
export const MAX_SHARDS = 1 << 16
/** A SharedArrayBuffer's memory is aligned to 16 bytes only. */
const MEMORY_ALIGNMENT = 16
const WORD_BYTES = 8

/** Words of a header, as positions in a Uint32Array. */
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
  reserved: 13,
  policy: 15,
} as const

/** The most words a shard can have: its stride must fit 32 bits. */
export const MAX_LENGTH = (2 ** 32 - SHARD_ALIGNMENT) / WORD_BYTES

/** An addition of a batch: element and delta, 32 bits each; see `native/percpu/counter.h`. */
export const BATCH_ENTRY_BYTES = 8
/** Room for sums comes in such portions; see `native/percpu/counter.h`. */
export const SUMS_AT_ONCE = SHARD_ALIGNMENT / WORD_BYTES
/** In an entry's element: the delta is no 32-bit integer and stands in the array of doubles. */
export const WIDE_DELTA = 1 << 31
/** The same, and it is for a counter of the second region. */
export const SECOND_REGION = 1 << 30

/** 32-bit words of a lock; see `native/percpu/lock_words.h`. */
export const LockWord = { state: 0, zero: 1, woken: 2, sleepers: 3, callers: 4, calls: 5 } as const
/** A lock's state; another one is its owner's thread id. */
export const LockState = { free: 0, ownerDied: 1 << 31 } as const
/** What threads call themselves that cannot know their id, and how many there may be. */
export const LOCK_NAMELESS = 1 << 30
export const LOCK_NAMELESS_COUNT = 1 << 20
/** Words of 8 bytes that a lock takes. */
export const LOCK_LENGTH = 3
/** In what an operation on CPUs' locks answers, beside the shard: its last owner ended with it. */
export const LAST_OWNER_DIED = 1 << 20
/** The longest that a waiter goes without a look, in milliseconds. */
export const LOCK_SLICE_MS = 50

/** Words of a stack's shard before its values: how many there are, and the stop word. */
export const STACK_HEAD = 2
/** Words of a list's shard: the head, and the stop word. */
export const LIST_LENGTH = 2

/** Words of a ring's shard before its bytes; see `native/percpu/ring.h`. */
export const RING_HEAD = 32
/** Of those, as positions. */
export const RingWord = { head: 0, stop: 1, dropped: 2, tail: 16, reader: 17, wake: 18 } as const
/** At `wake` of the overflow shard, words of 32 bits: whether a reader waits, and how often it was called. */
export const RingWake = { waiting: 0, calls: 1 } as const
/** Bytes of a CPU's ring. */
export const LEAST_RING = 256
export const MOST_RING = 2 ** 30
/** Bytes of the longest record, and of what a record has beside its own: in the ring, and handed out by a reader. */
export const LONGEST_RECORD = 4096
export const RECORD_FRAME = 24
export const READ_FRAME = 16
const LEAST_RECORDS = 4

/** The longest record of a ring of so many bytes. */
export function longestRecord(capacity: number): number {
  return Math.min(capacity / LEAST_RECORDS - RECORD_FRAME, LONGEST_RECORD)
}

/** A record's length, in whole words. */
export function paddedRecord(length: number): number {
  return (length + WORD_BYTES - 1) & -WORD_BYTES
}

/** Words of an array's shard before its own: the stop word. */
export const ARRAY_HEAD = 1
/** What an operation does to a word of an array; see `native/percpu/array.h`. */
export const Act = { load: 0, exchange: 1, add: 2, compareExchange: 3 } as const
export type Act = (typeof Act)[keyof typeof Act]
/** What an array notes of its last operation, beside the shard of a CPU, and a {@link Status} below 0. */
export const ArrayNote = { overflow: -1, notDone: -2 } as const

/** The operations of a vector; see `native/percpu/opv.h`. From `or` on, for whole numbers only. */
export const OpvKind = {
  ...{ compareEqual: 0, compareNotEqual: 1, store: 2, copy: 3, add: 4 },
  ...{ or: 5, and: 6, xor: 7, shiftLeft: 8, shiftRight: 9, barrier: 10 },
} as const
export type OpvKind = (typeof OpvKind)[keyof typeof OpvKind]
/** How many a vector may have. */
export const OPV_MOST = 16
/** One, encoded: as 32-bit words, and where its value is as 64-bit words. */
export const OpvWord = { kind: 0, index: 1, from: 2, value: 2, numbers: 6, values: 3, bytes: 24 } as const

/** The fewest words that a shard of this kind can have. */
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

/** The units of a region that has such; see `native/percpu/arena.h`. */
export interface Arena {
  readonly units: number
  /** Bytes of one. */
  readonly unitSize: number
  /** Whether what is done with units is checked. */
  readonly isChecked: boolean
}

export const NO_ARENA: Arena = { units: 0, unitSize: 0, isChecked: false }
export const MAX_UNITS = 1 << 28
export const MAX_UNIT_SIZE = 1 << 30
const UNIT_ALIGNMENT = 64

export function hasArena(kind: Kind): boolean {
  return kind === Kind.list || kind === Kind.pool
}

/** Whether there is such an arena, in a region that has one. */
export function isPossibleArena({ units, unitSize }: Arena): boolean {
  return units > 0 && units <= MAX_UNITS && unitSize > 0 && unitSize <= MAX_UNIT_SIZE
}

/** What a block's word says in a checked pool: the first half of it. */
export const BlockState = { fresh: 0, taken: 1, freed: 2 } as const
/** What every byte of a block is after it was given back to a checked pool. */
export const POISON = 0xdb

/** What a new region is to be. */
export interface RegionSpec {
  readonly kind: Kind
  readonly element: Element
  readonly index: Index
  readonly writers: Writers
  readonly shards: number
  readonly length: number
  /** Of a ring; else 0. */
  readonly policy: Policy | 0
  readonly arena: Arena
}

/** Bytes of a shard of `length` words: 8 each, rounded up to 128. */
export function shardStride(length: number): number {
  return Math.ceil((length * WORD_BYTES) / SHARD_ALIGNMENT) * SHARD_ALIGNMENT
}

/** Bytes of the overflow shard. */
export function overflowStride(kind: Kind, length: number, units: number): number {
  return shardStride(kind === Kind.pool ? Math.max(length, units + STACK_HEAD) : length)
}

/** Bytes from one unit to the next: they share no cache line. */
export function unitStride(unitSize: number): number {
  return Math.ceil(unitSize / UNIT_ALIGNMENT) * UNIT_ALIGNMENT
}

/** Bytes from the arena's beginning, the words, to its first unit. */
export function unitsAfterWords(units: number): number {
  return shardStride(units)
}

/** Bytes from shard 0 to the end of the arena. */
export function sizeOfShards(kind: Kind, shards: number, length: number, arena: Arena): number {
  const { units, unitSize } = arena
  const ofUnits = unitsAfterWords(units) + units * unitStride(unitSize)
  return shards * shardStride(length) + overflowStride(kind, length, units) + ofUnits
}

/** Bytes of a region: its shards and arena, a header of 64, and 112 to align the shards in memory. */
export function regionSize(kind: Kind, shards: number, length: number, arena = NO_ARENA): number {
  return HEADER_BYTES + (SHARD_ALIGNMENT - MEMORY_ALIGNMENT) + sizeOfShards(kind, shards, length, arena)
}

/** The words for a RegionError, to follow "this buffer". */
export function regionProblem(error: number, bytes: Uint8Array): string {
  switch (error) {
    case RegionError.tooShort:
      return `is too short for what its header says (it has ${bytes.byteLength} bytes)`
    case RegionError.magic:
      return 'was not made by rseq (it does not begin with the magic number)'
    case RegionError.version: {
      const version = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4 * HeaderWord.version, true)
      return `was made by layout version ${version}; this release of rseq reads version ${LAYOUT_VERSION}`
    }
    case RegionError.kind:
      return 'holds another kind of per-CPU data'
    case RegionError.field:
      return 'has a header field with an unknown value: it was overwritten, or made by a newer release'
    case RegionError.geometry:
      return 'has shards, length and stride in its header that do not fit together: it was overwritten'
    case RegionError.misaligned:
      return 'starts at an address that is not a multiple of 8'
    default:
      return `was refused for an unknown reason (${error})`
  }
}
