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

/** A record with its position in the bytes that were read. */
interface Found {
  readonly at: number
  readonly size: number
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
  const { file, policy } = region
  const capacity = capacityOf(region)
  const longest = longestRecord(capacity)
  const isOverflow = shard === region.shards
  const hasTicks = region.writers === Writers.sections && !isOverflow
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
    const { first, isDamaged } = walkBack(read(from, to), from, from, to, longest)
    if (first < to) pieces.push({ from: first, to })
    if (isDamaged) damaged = first - oldest
    if (isDamaged || first === to) break
    to = first
  }
  let isDamaged = damaged > 0
  let start: number | undefined
  let last: bigint = NO_TIME
  for (const { from, to } of pieces.reverse()) {
    const bytes = read(from, to)
    // Records may have been overwritten while they were copied. What is before the tail may be overwritten now; with
    // `overwrite`, one record more than the head says has been begun at most.
    const begun = paddedRecord(longest + RECORD_TIME) + RECORD_FRAME
    const whole = isDiscard ? position(RingWord.tail) : position(RingWord.head) + begun - capacity
    const since = Math.max(from, Math.min(Number.isNaN(whole) ? to : whole, to))
    const walked = walkBack(bytes, from, since, to, longest)
    if (walked.isDamaged) {
      isDamaged = true
      damaged += walked.first - since
    }
    if (walked.found.length > 0) start ??= walked.first
    for (const { at: place } of walked.found) {
      const record = recordAt(bytes, place, isOverflow, hasTicks, clock)
      // As in the library's reader, no record is before the one that its CPU wrote before it.
      const time = record.time !== null && record.time < last ? last : record.time
      if (time !== null) last = time
      yield { ...record, time }
    }
  }
  return {
    next: head,
    overwritten: isDiscard ? 0 : Math.max(0, (start ?? head) - before - damaged),
    damaged,
    isDamaged,
  }
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
): { found: Found[]; first: number; isDamaged: boolean } {
  const found: Found[] = []
  let end = to
  while (end - from >= RECORD_FRAME) {
    const start = Number(bytes.readBigUInt64LE(end - base - WORD))
    const size = end - start
    if (size < RECORD_FRAME || size % WORD !== 0)
      return { found: found.reverse(), first: end, isDamaged: true }
    if (start < from) break
    const { stored, length, thread } = frameAt(bytes, start - base)
    if (length < 0 || length > longest || thread === 0 || paddedRecord(stored) + RECORD_FRAME !== size) {
      return { found: found.reverse(), first: end, isDamaged: true }
    }
    found.push({ at: start - base, size })
    end = start
  }
  return { found: found.reverse(), first: end, isDamaged: false }
}

/** The first word of a record. */
function frameAt(
  bytes: Buffer,
  at: number,
): { stored: number; length: number; thread: number; cpu: number; flags: number } {
  const [low, flags] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)]
  const stored = low & 0xffff
  const length = stored - ((flags & RecordBit.hasTime) === 0 ? 0 : RECORD_TIME)
  return { stored, length, thread: flags & RECORD_THREAD, cpu: low >>> 16, flags }
}

function recordAt(bytes: Buffer, at: number, overflow: boolean, hasTicks: boolean, clock: Clock): SeenRecord {
  const { stored, length, thread, cpu, flags } = frameAt(bytes, at)
  const content = bytes.subarray(at + WORD, at + WORD + length)
  const hasOwn = (flags & RecordBit.hasTime) !== 0
  const stamp = hasOwn
    ? bytes.readBigInt64LE(at + WORD + length)
    : bytes.readBigInt64LE(at + WORD + paddedRecord(stored))
  const time = hasTicks && !hasOwn ? clock.ofTicks(stamp) : clock.ofMonotonic(stamp)
  return {
    bytes: content,
    cpu,
    thread,
    time,
    stamp,
    overflow,
    truncated: (flags & RecordBit.truncated) !== 0,
  }
}
