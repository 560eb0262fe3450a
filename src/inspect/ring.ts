/**
 * The records of a ring in a file, which its processes go on to write.
 *
 * @module
 */
import {
  Policy,
  RECORD_FRAME,
  RECORD_THREAD,
  RECORD_TIME,
  RING_HEAD,
  RecordBit,
  RingWord,
  Writers,
  longestRecord,
  paddedRecord,
} from '../core/layout.js'
import type { Clock } from './clock.js'
import { Unreadable } from './file.js'
import { RecordFrame, type RingPiece, viewOf } from './record-frame.js'
import { type RegionView, shardAt, shardsOf } from './region.js'

const WORD = 8
const NO_TIME = -1n

/** A record, as it is seen from outside. */
export interface SeenRecord {
  readonly bytes: Buffer
  readonly cpu: number
  /** The kernel's id of the thread that wrote the record. */
  readonly thread: number
  /** Nanoseconds since 1970; null if nothing says what the record's ticks are in time. */
  readonly time: bigint | null
  /** The record's own stamp: ticks, or nanoseconds of CLOCK_MONOTONIC. It orders the records of one machine's boot. */
  readonly stamp: bigint
  /** Whether the record was in the overflow ring, whose records are not ordered with those of their CPU. */
  readonly overflow: boolean
  readonly truncated: boolean
}

/** What one look at a ring gave. */
export interface RingLook {
  /** In the order of their times; those without a time come in the order of their CPUs. */
  readonly records: readonly SeenRecord[]
  /** Bytes that were overwritten before this look, since the last one. */
  readonly lost: number
  /** What is damaged, such as the ring of one CPU. */
  readonly problems: readonly string[]
}

/** What reading the records of one shard has left out, and up to where it went. */
export interface ShardEnd {
  /** The position behind the last record: where the next reading begins. */
  readonly next: number
  /** Bytes that were overwritten by younger records between the position where the reading was to begin and its first record. */
  readonly overwritten: number
  /** Bytes that hold no records, as something else has written over them. */
  readonly damaged: number
  /** Whether the shard's words or records are damaged. */
  readonly isDamaged: boolean
}

/** Bytes of a ring that are read at once. The longest record fits. */
const PIECE = 2 ** 17

/** The bytes of each CPU's ring. @throws Unreadable if that is no power of two. */
export function capacityOf(region: RegionView): number {
  const capacity = (region.length - RING_HEAD) * WORD
  if (!Number.isInteger(Math.log2(capacity)))
    throw new Unreadable(`has rings of ${capacity} bytes, which is no power of two`)
  return capacity
}

/** Whether the records of a shard have ticks, and not nanoseconds of CLOCK_MONOTONIC. */
export function hasTicks(region: RegionView, shard: number): boolean {
  return region.writers === Writers.sections && shard !== region.shards
}

/**
 * Yields the records of a shard in pieces, as {@link shardRecords} does one by one: without an object for each record.
 *
 * @param before - the position up to which the records are known.
 */
export function* shardPieces(
  region: RegionView,
  shard: number,
  before: number,
): Generator<RingPiece, ShardEnd, undefined> {
  const { file, policy } = region
  const capacity = capacityOf(region)
  const longest = longestRecord(capacity)
  const isDiscard = policy === Policy.discard
  const at = shardAt(region, shard)
  const position = (word: number): number => {
    const value = file.read(at + word * WORD, WORD).readBigUInt64LE(0)
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? NaN : Number(value)
  }
  const read = (from: number, to: number): Buffer =>
    readAround(region, at + RING_HEAD * WORD, capacity, from, to)
  const head = position(RingWord.head)
  const oldest = Math.max(before, isDiscard ? position(RingWord.tail) : Math.max(0, head - capacity))
  const starts = new Int32Array(Math.ceil(Math.min(PIECE, capacity) / RECORD_FRAME))
  const nothing = { next: before, overwritten: 0, damaged: 0, isDamaged: false }
  if (Number.isNaN(head) || Number.isNaN(oldest) || head % WORD !== 0 || oldest % WORD !== 0)
    return { ...nothing, isDamaged: true }
  // A ring that was emptied or made anew has a head before that of the last look.
  if (head <= oldest)
    return {
      ...nothing,
      next: head < before ? 0 : before,
      isDamaged: head < oldest && head >= before,
    }
  if (head - oldest > capacity) return { ...nothing, isDamaged: true }
  // Each record ends with the position where it begins, so the first pass goes backwards, to find where the pieces begin.
  const pieces: { from: number; to: number }[] = []
  let damaged = 0
  for (let to = head; to - oldest >= RECORD_FRAME;) {
    const from = Math.max(oldest, to - PIECE)
    const { first, isDamaged } = walkBack(read(from, to), from, from, to, longest, starts)
    if (first < to) pieces.push({ from: first, to })
    if (isDamaged) damaged = first - oldest
    if (isDamaged || first === to) break
    to = first
  }
  let isDamaged = damaged > 0
  let start: number | undefined
  for (const { from, to } of pieces.reverse()) {
    const bytes = read(from, to)
    // Records may have been overwritten while they were copied. What is before the tail may be overwritten now; with
    // `overwrite`, one record more than the head says has been begun at most.
    const begun = paddedRecord(longest + RECORD_TIME) + RECORD_FRAME
    const whole = isDiscard ? position(RingWord.tail) : position(RingWord.head) + begun - capacity
    const since = Math.max(from, Math.min(Number.isNaN(whole) ? to : whole, to))
    const walked = walkBack(bytes, from, since, to, longest, starts)
    if (walked.isDamaged) {
      isDamaged = true
      damaged += walked.first - since
    }
    if (walked.count === 0) continue
    start ??= walked.first
    yield { bytes, starts, count: walked.count }
  }
  return {
    next: head,
    overwritten: isDiscard ? 0 : Math.max(0, (start ?? head) - before - damaged),
    damaged,
    isDamaged,
  }
}

/**
 * Yields the records of a shard that begin at a position or later, the oldest first, as many as there are when it starts.
 * Records that are overwritten while they are read are left out. The memory that it needs does not depend on the size of the ring.
 *
 * @param before - the position up to which the records are known.
 */
export function* shardRecords(
  region: RegionView,
  shard: number,
  before: number,
  clock: Clock,
): Generator<SeenRecord, ShardEnd, undefined> {
  const isOverflow = shard === region.shards
  const areTicks = hasTicks(region, shard)
  let last: bigint = NO_TIME
  const pieces = shardPieces(region, shard, before)
  let piece = pieces.next()
  for (; piece.done !== true; piece = pieces.next()) {
    const { bytes, starts, count } = piece.value
    for (let k = count - 1; k >= 0; k--) {
      const record = recordAt(bytes, starts[k] as number, isOverflow, areTicks, clock)
      // As in the library's reader, no record is before the one that its CPU wrote before it.
      const time = record.time !== null && record.time < last ? last : record.time
      if (time !== null) last = time
      yield { ...record, time }
    }
  }
  return piece.value
}

/** Describes damage, for people. */
export function damageText(region: RegionView, shard: number): string {
  const ring = shard === region.shards ? 'the overflow ring' : `CPU ${shard}`
  return `the records of ${ring} were overwritten by something else`
}

/** Looks at the records of a ring again and again. Each look returns those that were written since the last one. */
export class RingTail {
  /** For each shard, up to where its records were returned. */
  readonly #next: number[] = []
  #hasLooked = false

  /** @throws Unreadable if the region is no ring. */
  look(region: RegionView, clock: Clock): RingLook {
    const records: SeenRecord[] = []
    const problems: string[] = []
    let lost = 0
    capacityOf(region)
    for (const shard of shardsOf(region)) {
      const seen = shardRecords(region, shard, this.#next[shard] ?? 0, clock)
      let one = seen.next()
      for (; one.done !== true; one = seen.next()) records.push(one.value)
      const { next, overwritten, isDamaged } = one.value
      this.#next[shard] = next
      if (this.#hasLooked) lost += overwritten
      if (isDamaged) problems.push(damageText(region, shard))
    }
    this.#hasLooked = true
    records.sort((a, b) =>
      a.time === null || b.time === null || a.time === b.time ? 0 : a.time < b.time ? -1 : 1,
    )
    return { records, lost, problems }
  }
}

/** Reads the bytes of positions `from` to `to` of a ring, which may be in two parts. */
function readAround({ file }: RegionView, at: number, capacity: number, from: number, to: number): Buffer {
  const start = from % capacity
  const straight = Math.min(to - from, capacity - start)
  const first = file.read(at + start, straight)
  return straight === to - from ? first : Buffer.concat([first, file.read(at, to - from - straight)])
}

/** Finds the records from `from` to `to`, beginning with the last one, as each ends with where it begins. */
function walkBack(
  bytes: Buffer,
  base: number,
  from: number,
  to: number,
  longest: number,
  starts: Int32Array,
): { count: number; first: number; isDamaged: boolean } {
  const view = viewOf(bytes)
  let count = 0
  let end = to
  while (end - from >= RECORD_FRAME) {
    const trailer = end - base - WORD
    const start = view.getUint32(trailer + 4, true) * 2 ** 32 + view.getUint32(trailer, true)
    const size = end - start
    if (size < RECORD_FRAME || size % WORD !== 0) return { count, first: end, isDamaged: true }
    if (start < from) break
    const at = start - base
    const stored = view.getUint16(at, true)
    const flags = view.getUint32(at + 4, true)
    const length = stored - ((flags & RecordBit.hasTime) === 0 ? 0 : RECORD_TIME)
    const isRight = length >= 0 && length <= longest && (flags & RECORD_THREAD) !== 0
    if (!isRight || paddedRecord(stored) + RECORD_FRAME !== size)
      return { count, first: end, isDamaged: true }
    starts[count++] = at
    end = start
  }
  return { count, first: end, isDamaged: false }
}

function recordAt(bytes: Buffer, at: number, overflow: boolean, areTicks: boolean, clock: Clock): SeenRecord {
  const frame = new RecordFrame()
  const view = viewOf(bytes)
  frame.read(view, at)
  const { content, length, cpu, thread, stampAt, hasOwnTime, isTruncated } = frame
  const stamp = view.getBigInt64(stampAt, true)
  const time = areTicks && !hasOwnTime ? clock.ofTicks(stamp) : clock.ofMonotonic(stamp)
  return {
    ...{ cpu, thread, time, stamp, overflow },
    bytes: bytes.subarray(content, content + length),
    truncated: isTruncated,
  }
}
