/**
 * The memory of a map, in 32-bit words: the header, the seats of the threads that compute values, and the segments. A segment has a mutex for who
 * writes, an index of buckets, the hits, and a log of entries.
 *
 * ```
 *  header | seat | seat | ... | segment | segment | ...
 *                               head | mutex | buckets | hits of 8 groups of threads | log
 * ```
 *
 * The log is a ring of bytes. Positions in it are counted in units of 8 bytes and never start again, apart from their 32 bits:
 * the entries from the position `tail` to the position `head` have not been written over. Each bucket is a chain of entries,
 * the newest first. docs/maps.md explains what writers and readers do.
 *
 * @module
 */
import { randomFillSync } from 'node:crypto'
import { checkInteger, rangeError } from './errors.js'
import {
  Element,
  HEADER_BYTES,
  Kind,
  LOCK_LENGTH,
  MAP_MAGIC,
  otherContent,
  refusedBuffer,
  regionSize,
} from './layout.js'

/** What a buffer with a map is called in errors. */
export const A_MAP = 'the buffer of a SharedMap'
/** The version of this layout. Part of a shared file's name. */
export const MAP_VERSION = 1

const WORD_BYTES = 4
/** Words of a unit: positions in a log count units. */
export const UNIT_WORDS = 2
export const UNIT_BYTES = UNIT_WORDS * WORD_BYTES
const LINE_WORDS = 32
const KIB = 1024
const MIB = KIB * KIB

/** Positions of the header's words. Pairs are the halves of a number, the lower one first. */
const HeadWord = {
  magic: 0,
  version: 1,
  entries: 2,
  bytes: 4,
  ttl: 6,
  key: 8,
  statistics: LINE_WORDS,
} as const
const HEAD_WORDS = 2 * LINE_WORDS

/** The mutex of a seat or a segment is a region of its own. */
const MUTEX_WORDS = roundUp(regionSize(Kind.mutex, Element.i64, 1, LOCK_LENGTH) / WORD_BYTES, LINE_WORDS)

/** Words of a seat: how often it was taken, and the mutex that the thread has which computes values. */
export const SeatWord = { generation: 0, mutex: LINE_WORDS } as const
const SEAT_WORDS = SeatWord.mutex + MUTEX_WORDS
/** How many threads may compute at a time: in a map of at least {@link LARGE} bytes, and in smaller ones. */
const SEATS = 64
const SEATS_OF_SMALL = 8
const LARGE = MIB

/**
 * Words of a segment. Readers load those of the first line. The others are for who has the mutex, but for `settled`: it
 * changes when a computation of `fetch` ends, and tasks wait for that.
 */
export const SegmentWord = {
  tail: 0,
  lap: 1,
  head: LINE_WORDS,
  count: LINE_WORDS + 1,
  live: LINE_WORDS + 2,
  largest: LINE_WORDS + 3,
  version: LINE_WORDS + 4,
  settled: 2 * LINE_WORDS,
  mutex: 3 * LINE_WORDS,
  buckets: 3 * LINE_WORDS + MUTEX_WORDS,
} as const

/** The words at a segment's beginning with the counts of its entries. */
export const SEGMENT_COUNTS = SegmentWord.settled

/** Readers note hits in one of so many groups, by their numbers, so that two of them hardly ever write one cache line. */
export const HIT_GROUPS = 8
/** Bits for hits in each group, for each bucket. */
const HITS_PER_BUCKET = 4

/**
 * Words of an entry. `size` is in units, and counts the head. `lengths` holds the bytes of the key, its kind and the type of
 * the value. The key begins at `key`, and the value at the next whole word behind it.
 */
export const EntryWord = {
  size: 0,
  hash: 1,
  next: 2,
  lengths: 3,
  valueBytes: 4,
  version: 5,
  highHalves: 6,
  expiry: 7,
  key: 8,
} as const
/** The flag in `size` of what is no entry and fills the log up to its end. */
export const PADDING = 1 << 31
/** The position that ends a chain. No entry is there. */
export const NOWHERE = 0

export const MOST_KEY_BYTES = 4096
const KIND_SHIFT = 13
const TYPE_SHIFT = 16
/** What a key is made of. Equal bytes of two kinds are two keys. */
export const KeyKind = { text: 0, bytes: 1 } as const
export type KeyKind = (typeof KeyKind)[keyof typeof KeyKind]
/** What is added to the kind of a key for the mark that its value is being computed. */
export const COMPUTING = 2

/** The types of values. */
export const ValueType = { bytes: 0, latin1: 1, utf8: 2, number: 3, structured: 4 } as const
export type ValueType = (typeof ValueType)[keyof typeof ValueType]

/** The word `lengths` of an entry. */
export function lengthsOf(keyBytes: number, kind: number, type: number): number {
  return keyBytes | (kind << KIND_SHIFT) | (type << TYPE_SHIFT)
}
export function keyBytesOf(lengths: number): number {
  return lengths & ((1 << KIND_SHIFT) - 1)
}
export function kindOf(lengths: number): number {
  return (lengths >>> KIND_SHIFT) & 3
}
export function typeOf(lengths: number): number {
  return (lengths >>> TYPE_SHIFT) & 0xff
}
/** The part of `lengths` that says which key it is. */
export const KEY_PART = (1 << (KIND_SHIFT + 2)) - 1

const HALF = 2 ** 32
const HIGH_SHIFT = 16
const HIGH_MASK = 0xffff

/** The word `highHalves` of an entry: the upper 16 bits of version and expiry, which have 48. */
export function highHalvesOf(version: number, expiry: number): number {
  return Math.floor(version / HALF) | (Math.floor(expiry / HALF) << HIGH_SHIFT)
}
export function versionOf(version: number, highHalves: number): number {
  return (highHalves & HIGH_MASK) * HALF + (version >>> 0)
}
/** When an entry expires, in milliseconds of the map's clock; 0: never. */
export function expiryOf(expiry: number, highHalves: number): number {
  return (highHalves >>> HIGH_SHIFT) * HALF + (expiry >>> 0)
}

/** Whole words for so many bytes. */
export function wordsFor(bytes: number): number {
  return (bytes + WORD_BYTES - 1) >>> 2
}

/** The size of an entry in units. */
export function entryUnits(keyBytes: number, valueBytes: number): number {
  return (EntryWord.key + wordsFor(keyBytes) + wordsFor(valueBytes) + 1) >>> 1
}

/** What the maker of a map decides. */
export interface MapShape {
  /** For how many entries the index is made. */
  readonly entries: number
  /** The most bytes that the map takes. */
  readonly bytes: number
  /** How many milliseconds an entry lives by default; 0: without an end. */
  readonly ttl: number
}

/** Where everything is. It follows from the shape alone. */
export interface Geometry extends MapShape {
  readonly seats: number
  readonly segments: number
  /** Words of a segment. */
  readonly segmentWords: number
  /** The position of the first segment. */
  readonly firstSegment: number
  /** 32 minus the bits of a bucket's number. */
  readonly bucketShift: number
  readonly buckets: number
  /** Words of one group's hits. */
  readonly hitWords: number
  /** The position of the hits in a segment. */
  readonly hits: number
  /** The position of the log in a segment. */
  readonly log: number
  /** Units of the log, a power of two. */
  readonly units: number
  /** The largest entry, in units. */
  readonly mostUnits: number
  /** From so many live units on, making room evicts instead of moving what nobody has hit. */
  readonly fullUnits: number
  /** The most entries of a segment. */
  readonly quota: number
  /** Bytes of all. Behind the last log is room for the head of an entry, which a reader may look for at any position. */
  readonly totalBytes: number
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple
}
function powerBelow(value: number): number {
  return 2 ** Math.floor(Math.log2(value))
}
function powerAbove(value: number): number {
  return 2 ** Math.ceil(Math.log2(value))
}

const LEAST_BYTES = 64 * KIB
const MOST_BYTES = 2 ** 32
const MOST_ENTRIES = 2 ** 28
export const MOST_TTL = 2 ** 40
const LEAST_LOG = 16 * KIB
/** A log is at most this part of the bytes that the segments share: so there are at least seven segments, unless they are small. */
const LOG_PART = 8
/** The largest entry takes this part of a log. */
const ENTRY_PART = 8
/** Of 16 parts of a log, how many hold live entries before making room evicts. */
const FULL_PARTS = 13
const LEAST_BUCKETS = 16

type Segment = Pick<
  Geometry,
  'segments' | 'segmentWords' | 'buckets' | 'bucketShift' | 'hitWords' | 'hits' | 'log'
>

/** The segments, if they are `segments` with logs of `logBytes`. */
function segmentOf(entries: number, segments: number, logBytes: number): Segment {
  const buckets = powerAbove(Math.max(LEAST_BUCKETS, entries / segments))
  const hitWords = roundUp((buckets * HITS_PER_BUCKET) / 32, LINE_WORDS)
  const hits = roundUp(SegmentWord.buckets + buckets, LINE_WORDS)
  const log = hits + HIT_GROUPS * hitWords
  const segmentWords = log + logBytes / WORD_BYTES
  return { segments, segmentWords, buckets, bucketShift: 32 - Math.log2(buckets), hitWords, hits, log }
}

/**
 * The most entries of a segment that gets `mean` entries on the average: keys are spread by a hash, so that a small segment may
 * get many more than that, by six standard deviations of their number.
 */
function quotaOf(mean: number): number {
  return Math.ceil(1.25 * mean + 6 * Math.sqrt(mean)) + LEAST_BUCKETS
}

/**
 * Returns where everything is in a map of this shape.
 *
 * @throws RangeError if `bytes` is too little for an index for so many entries.
 */
export function geometryOf(shape: MapShape): Geometry {
  const { entries, bytes } = shape
  const seats = bytes >= LARGE ? SEATS : SEATS_OF_SMALL
  const firstSegment = HEAD_WORDS + seats * SEAT_WORDS
  const available = bytes - byteOffset(firstSegment + EntryWord.key)
  const logBytes = Math.max(LEAST_LOG, powerBelow(available / LOG_PART))
  const fits = (one: Segment): boolean => one.segments * one.segmentWords * WORD_BYTES <= available
  let segments = Math.floor(available / logBytes)
  while (segments > 0 && !fits(segmentOf(entries, segments, logBytes))) segments--
  if (segments === 0)
    throw rangeError('bytes', `room for the index of ${entries} entries and for their content`, bytes)
  const segment = segmentOf(entries, segments, logBytes)
  const units = logBytes / UNIT_BYTES
  return {
    ...shape,
    ...segment,
    seats,
    firstSegment,
    units,
    mostUnits: units / ENTRY_PART,
    fullUnits: (units / 16) * FULL_PARTS,
    quota: quotaOf(entries / segments),
    totalBytes: byteOffset(firstSegment + segments * segment.segmentWords + EntryWord.key),
  }
}

/** @throws TypeError, RangeError that name the wrong option. */
export function checkShape(entries: unknown, bytes: unknown, ttl: unknown): MapShape {
  return {
    entries: checkInteger('entries', entries, 1, MOST_ENTRIES),
    bytes: checkInteger('bytes', bytes, LEAST_BYTES, MOST_BYTES),
    ttl: checkTtl(ttl) ?? 0,
  }
}

/** Returns a time to live in milliseconds; undefined if there is none. @throws TypeError, RangeError that name `ttl`. */
export function checkTtl(ttl: unknown): number | undefined {
  return ttl === undefined ? undefined : checkInteger('ttl', ttl, 0, MOST_TTL)
}

/** The position of a seat. */
export function seatPosition(seat: number): number {
  return HEAD_WORDS + seat * SEAT_WORDS
}

/** Bytes from the beginning of the buffer to a position. */
export function byteOffset(position: number): number {
  return position * WORD_BYTES
}

/** The bytes of all mutexes, each with its own beginning. */
export function mutexOffsets({ seats, segments, segmentWords, firstSegment }: Geometry): number[] {
  return [
    ...Array.from({ length: seats }, (_, seat) => seatPosition(seat) + SeatWord.mutex),
    ...Array.from({ length: segments }, (_, k) => firstSegment + k * segmentWords + SegmentWord.mutex),
  ].map(byteOffset)
}

/** Bytes of a mutex's region. */
export const MUTEX_BYTES = MUTEX_WORDS * WORD_BYTES

/** Writes the header of a new map into zeroed memory, whose mutexes are made already. The magic number is the last. */
export function writeHeader(buffer: SharedArrayBuffer, geometry: Geometry): void {
  const words = new Int32Array(buffer)
  const writePair = (position: number, value: number): void => {
    words[position] = value | 0
    words[position + 1] = Math.floor(value / 2 ** 32)
  }
  words[HeadWord.version] = MAP_VERSION
  writePair(HeadWord.entries, geometry.entries)
  writePair(HeadWord.bytes, geometry.bytes)
  writePair(HeadWord.ttl, geometry.ttl)
  // randomFillSync takes no shared memory.
  words.set(randomFillSync(new Int32Array(2)), HeadWord.key)
  for (let k = 0; k < geometry.segments; k++) {
    const segment = geometry.firstSegment + k * geometry.segmentWords
    // The position 0 ends chains.
    words[segment + SegmentWord.tail] = 1
    words[segment + SegmentWord.head] = 1
  }
  Atomics.store(words, HeadWord.magic, MAP_MAGIC)
}

/** What is counted: 64-bit integers in the header. */
export const STATISTICS = ['hits', 'misses', 'evictions', 'expirations', 'waits', 'repairs'] as const
export type Statistic = (typeof STATISTICS)[number]

/** Bytes of the header. */
export const MAP_HEADER_BYTES = HEAD_WORDS * WORD_BYTES

/** The words of the statistics. */
export function statisticsOf(buffer: ArrayBufferLike): BigInt64Array {
  return new BigInt64Array(buffer, byteOffset(HeadWord.statistics), STATISTICS.length)
}

/** What the words of the statistics say. */
export function readStatistics(words: BigInt64Array): Record<Statistic, number> {
  const counts = STATISTICS.map((which, k) => [which, Number(Atomics.load(words, k))])
  return Object.fromEntries(counts) as Record<Statistic, number>
}

/** The secret key of the map's hash. */
export function hashKeyOf(words: Int32Array): readonly [low: number, high: number] {
  return [Atomics.load(words, HeadWord.key), Atomics.load(words, HeadWord.key + 1)]
}

/**
 * Reads and checks the header of a buffer.
 *
 * @param size - how many bytes there are, if the buffer is only their beginning.
 * @throws RangeError if the buffer holds something else, was made by another version, or was overwritten.
 */
export function readHeader(buffer: ArrayBufferLike, size = buffer.byteLength): Geometry {
  if (size < HEADER_BYTES) throw refusedBuffer(A_MAP, 'is too short')
  const words = new Int32Array(buffer, 0, HEADER_BYTES / WORD_BYTES).slice()
  const pair = (position: number): number =>
    ((words[position + 1] as number) >>> 0) * 2 ** 32 + ((words[position] as number) >>> 0)
  if (words[HeadWord.magic] !== MAP_MAGIC) throw refusedBuffer(A_MAP, otherContent(buffer))
  if (words[HeadWord.version] !== MAP_VERSION)
    throw refusedBuffer(A_MAP, 'was made by another version of rseq')
  let geometry: Geometry
  try {
    geometry = geometryOf(checkShape(pair(HeadWord.entries), pair(HeadWord.bytes), pair(HeadWord.ttl)))
  } catch (error) {
    throw refusedBuffer(A_MAP, `was overwritten (${(error as Error).message})`)
  }
  if (geometry.totalBytes > size) throw refusedBuffer(A_MAP, 'is too short')
  return geometry
}
