/**
 * The layout of a region, and the numbers that name its fields: the TypeScript twin of
 * `native/percpu/region.h`, which draws the picture. Shared by both backends.
 *
 * @module
 */

/** What a region holds. */
export const Kind = { counters: 1, stack: 2, array: 6, mutex: 8, cpuLock: 9 } as const
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
  reserved: 10,
} as const

/** The most words a shard can have: its stride must fit 32 bits. */
export const MAX_LENGTH = (2 ** 32 - SHARD_ALIGNMENT) / WORD_BYTES

/** An addition of a batch: element and delta, 32 bits each; see `native/percpu/counter.h`. */
export const BATCH_ENTRY_BYTES = 8
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
  if (kind === Kind.stack) return STACK_HEAD + 1
  return kind === Kind.array ? ARRAY_HEAD + 1 : 1
}

/** What a new region is to be. */
export interface RegionSpec {
  readonly kind: Kind
  readonly element: Element
  readonly index: Index
  readonly writers: Writers
  readonly shards: number
  readonly length: number
}

/** Bytes of a shard of `length` words: 8 each, rounded up to 128. */
export function shardStride(length: number): number {
  return Math.ceil((length * WORD_BYTES) / SHARD_ALIGNMENT) * SHARD_ALIGNMENT
}

/** Bytes of a region: (shards + 1) strides, a header of 64, and 112 to align the shards in memory. */
export function regionSize(shards: number, length: number): number {
  return HEADER_BYTES + (SHARD_ALIGNMENT - MEMORY_ALIGNMENT) + (shards + 1) * shardStride(length)
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
