/**
 * What is in an object's file: a histogram, or a region of any kind. Every number that is read may be any number: counts are
 * bounded before they are used.
 *
 * @module
 */
import type { HdrBuckets } from '../core/hdr-buckets.js'
import {
  HISTOGRAM_HEADER_BYTES,
  HistogramCounter,
  HistogramWord,
  bucketsInHeader,
  histogramContent,
  histogramLength,
  stampOf,
} from '../core/histogram-layout.js'
import {
  ARRAY_HEAD,
  Element,
  HISTOGRAM_MAGIC,
  Kind,
  LIST_LENGTH,
  LOCK_LENGTH,
  LockState,
  LockWord,
  Policy,
  RING_HEAD,
  RingWord,
  STACK_HEAD,
  arrayElement,
  elementName,
  overflowStride,
  policyName,
} from '../core/layout.js'
import { type FileView, Unreadable } from './file.js'
import { type MapContent, mapOf } from './map-file.js'
import { type ProcessOf, holderOf, ownerOf } from './owner.js'
import { type RegionView, readShards, shardAt } from './region.js'
import type {
  ArraySnapshot,
  CountersSnapshot,
  HistogramSnapshot,
  HolderSnapshot,
  ListSnapshot,
  LockSnapshot,
  LocksSnapshot,
  PoolSnapshot,
  ObjectBase,
  ReadableBase,
  RingSnapshot,
  StackSnapshot,
} from './snapshot.js'

const WORD = 8
const MOST_VALUES = 256
const MOST_WORDS = 16
/** The most units of which is read who holds them. */
const MOST_NOTED = 2 ** 16
/** The most counters of all shards of an object that are read, 32 GiB: a sparse file can have billions of times that for nothing. */
const MOST_COUNTERS = 2 ** 32
/** Number of counters that are read at once. */
const COUNTERS_AT_ONCE = 2 ** 16

/** Opens the region that begins at a byte of a file. */
type OpenRegion = (base: number) => RegionView

/** What is read of an object beside its file. */
type Content<Of extends ReadableBase> = Omit<Of, keyof ObjectBase>
/** The content of any object. */
export type ObjectContent =
  | Content<CountersSnapshot>
  | Content<HistogramSnapshot>
  | Content<RingSnapshot>
  | Content<StackSnapshot>
  | Content<ListSnapshot>
  | Content<PoolSnapshot>
  | Content<ArraySnapshot>
  | Content<LocksSnapshot>
  | MapContent

/** A total that JSON can have. */
function finite(total: number): number | null {
  return Number.isFinite(total) ? total : null
}

/** The shares of the shards, the overflow shard's last, in the fields of an object. */
function totals(shares: readonly number[]): Pick<ReadableBase, 'total' | 'perCpu' | 'overflow'> {
  const known = shares.map((share) => finite(share) ?? 0)
  return {
    total: finite(shares.reduce((sum, share) => sum + share, 0)),
    perCpu: known.slice(0, -1),
    overflow: known.at(-1) ?? 0,
  }
}

/** A signed word of 64 bits, as the nearest double. */
function int64(view: DataView, word: number): number {
  const high = view.getInt32(WORD * word + 4, true)
  const low = view.getUint32(WORD * word, true)
  return high >= -0x200000 && high < 0x200000
    ? high * 2 ** 32 + low
    : Number(view.getBigInt64(WORD * word, true))
}

/** An unsigned word of 64 bits, as the nearest double. */
function uint64(view: DataView, word: number): number {
  return view.getUint32(WORD * word + 4, true) * 2 ** 32 + view.getUint32(WORD * word, true)
}

function readerOf(element: Element): (view: DataView, word: number) => number {
  return element === Element.f64 ? (view, word) => view.getFloat64(WORD * word, true) : int64
}

/**
 * Calls `visit` with every counter of the allocated shards and of the overflow shard, the last, as `valueAt` reads it.
 *
 * @throws Unreadable if there are too many.
 */
export function eachCounter<Value>(
  region: RegionView,
  valueAt: (view: DataView, word: number) => Value,
  visit: (shard: number, index: number, value: Value) => void,
): void {
  const { length, file, stride, allocated, shards } = region
  const count = length * (allocated + 1)
  if (count > MOST_COUNTERS)
    throw new Unreadable(`has ${count} counters to read; the most is ${MOST_COUNTERS}`)
  const visitAll = (shard: number, view: DataView, from: number, count: number): void => {
    for (let i = 0; i < count; i++) visit(shard, from + i, valueAt(view, i))
  }
  if (stride <= 1024) {
    for (const [shard, view] of readShards(region, length).entries()) visitAll(shard, view, 0, length)
    return
  }
  for (let shard = 0; shard <= allocated; shard++) {
    const at = shardAt(region, shard === allocated ? shards : shard)
    for (let from = 0; from < length; from += COUNTERS_AT_ONCE) {
      const count = Math.min(COUNTERS_AT_ONCE, length - from)
      const bytes = file.read(at + from * WORD, count * WORD)
      visitAll(shard, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), from, count)
    }
  }
}

function countersOf(region: RegionView): Content<CountersSnapshot> {
  const { length, element, allocated } = region
  const values = Array<number>(Math.min(length, MOST_VALUES)).fill(0)
  const shares = Array<number>(allocated + 1).fill(0)
  eachCounter(region, readerOf(element), (shard, i, value) => {
    shares[shard] = (shares[shard] as number) + value
    if (i < values.length) values[i] = (values[i] as number) + value
  })
  return {
    content: 'counters',
    element: elementName(element),
    length,
    values: values.map(finite),
    ...totals(shares),
  }
}

/** The buckets that the header of a histogram describes. @throws Unreadable */
export function histogramBuckets(header: BigInt64Array): HdrBuckets {
  try {
    return bucketsInHeader(header)
  } catch (error) {
    throw new Unreadable(`has a header that was overwritten (${(error as Error).message})`)
  }
}

/** The region behind the header of a histogram. @throws Unreadable */
export function openHistogramRegion(openRegion: OpenRegion, buckets: HdrBuckets): RegionView {
  const region = openRegion(HISTOGRAM_HEADER_BYTES)
  const { kind, element, length } = region
  if (kind !== Kind.counters || element !== Element.i64 || length !== histogramLength(buckets)) {
    throw new Unreadable('has a header and a region that do not fit together: it was overwritten')
  }
  return region
}

/** Reads a histogram whose header is at the beginning of the file. @throws Unreadable */
function histogramOf(openRegion: OpenRegion, header: BigInt64Array): Content<HistogramSnapshot> {
  const buckets = histogramBuckets(header)
  const region = openHistogramRegion(openRegion, buckets)
  const { length, allocated } = region
  const sums = new Float64Array(length)
  const shares = Array<number>(allocated + 1).fill(0)
  eachCounter(region, int64, (shard, i, value) => {
    sums[i] = (sums[i] as number) + value
    if (i >= HistogramCounter.first) shares[shard] = (shares[shard] as number) + value
  })
  const [leastPlus1 = 0n, most = 0n] = [header[HistogramWord.leastPlus1], header[HistogramWord.most]]
  const { counts, sum, min, max } = histogramContent(buckets, sums, leastPlus1, most)
  const count = counts.reduce((a, b) => a + b)
  const at = (p: number): number => buckets.percentile(counts, count, max, p)
  const { lowest, highest, digits } = buckets.range
  return {
    content: 'histogram',
    ...{ lowest, highest, digits, min, max, sum: finite(sum) },
    ...{ p50: at(50), p90: at(90), p99: at(99) },
    ...totals(shares),
  }
}

/** The header of a histogram at the beginning of a file; undefined if something else is there. @throws Unreadable */
export function histogramHeader(file: FileView): BigInt64Array | undefined {
  if (file.stats.size < HISTOGRAM_HEADER_BYTES) return undefined
  const bytes = file.read(0, HISTOGRAM_HEADER_BYTES)
  if (bytes.readUInt32LE(0) !== HISTOGRAM_MAGIC) return undefined
  const header = new BigInt64Array(new Uint8Array(bytes).buffer)
  if (!stampOf(header).isOfThisVersion) throw new Unreadable('holds a histogram of another layout version')
  return header
}

function ringOf(region: RegionView, processOf: ProcessOf): Content<RingSnapshot> {
  const capacity = (region.length - RING_HEAD) * WORD
  const policy = policyName(region.policy as Policy)
  const views = readShards(region, RING_HEAD)
  const heads = views.map((view) => uint64(view, RingWord.head))
  const fill = views.map((view, shard) => {
    const tail = policy === 'discard' ? uint64(view, RingWord.tail) : 0
    return Math.max(0, Math.min((heads[shard] as number) - tail, capacity))
  })
  const last = views.at(-1) as DataView
  const half = (at: number): number => last.getUint32(RingWord.reader * WORD + at, true)
  return {
    ...{ content: 'ring', policy, capacity, fill },
    dropped: views.reduce((sum, view) => sum + uint64(view, RingWord.dropped), 0),
    reader: ownerOf(half(0), half(4), processOf),
    ...totals(heads),
  }
}

/** Values on each stack; a count that is not possible counts as 0. */
function stackCounts(views: readonly DataView[], capacities: readonly number[]): number[] {
  return views.map((view, shard) => {
    const count = int64(view, 0)
    return count >= 0 && count <= (capacities[shard] as number) ? count : 0
  })
}

function stackOf(region: RegionView): Content<StackSnapshot> {
  const capacity = region.length - STACK_HEAD
  const views = readShards(region, STACK_HEAD)
  return {
    content: 'stack',
    capacity,
    ...totals(
      stackCounts(
        views,
        views.map(() => capacity),
      ),
    ),
  }
}

/** Where the words of the units begin in the file. */
function unitWordsAt(region: RegionView): number {
  const { shards, kind, element, length, arena } = region
  return shardAt(region, shards) + overflowStride(kind, element, length, arena.units)
}

/** Who holds the units that are not free; null if the region has no notes of that, or too many. */
function holdersOf(region: RegionView, isFree: Uint8Array, processOf: ProcessOf): HolderSnapshot[] | null {
  const { file, kind, arena } = region
  const { units, isShared } = arena
  if (isShared !== true || units > MOST_NOTED) return null
  const before = kind === Kind.list ? units * WORD : 0
  const bytes = file.read(unitWordsAt(region) + before, units * WORD)
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const byNote = new Map<number, number>()
  for (let unit = 0; unit < units; unit++) {
    if (isFree[unit] !== 0) continue
    const note = words.getUint32(WORD * unit + 4, true)
    byNote.set(note, (byNote.get(note) ?? 0) + 1)
  }
  const holders = new Map<string, HolderSnapshot>()
  for (const [note, count] of byNote) {
    const holder = holderOf(note, processOf)
    const key = `${holder.slot} ${holder.living}`
    holders.set(key, { ...holder, count: count + (holders.get(key)?.count ?? 0) })
  }
  return [...holders.values()].sort((one, other) => other.count - one.count)
}

function poolOf(region: RegionView, processOf: ProcessOf): Content<PoolSnapshot> {
  const { file, shards, length, arena } = region
  const { units, unitSize } = arena
  const hasNotes = arena.isShared === true && units <= MOST_NOTED
  // With notes, also the numbers of the free blocks are needed.
  const views = readShards(region, hasNotes ? length : STACK_HEAD)
  const capacities = views.map((_, shard) => (shard === views.length - 1 ? units : length - STACK_HEAD))
  const counts = stackCounts(views, capacities)
  const isFree = new Uint8Array(hasNotes ? units : 0)
  if (hasNotes) {
    const stored = file.read(shardAt(region, shards), (STACK_HEAD + (counts.at(-1) ?? 0)) * WORD)
    views[views.length - 1] = new DataView(stored.buffer, stored.byteOffset, stored.byteLength)
    for (const [shard, view] of views.entries()) {
      for (let i = 0; i < (counts[shard] ?? 0); i++) {
        const unit = view.getFloat64((STACK_HEAD + i) * WORD, true)
        if (unit >= 0 && unit < units) isFree[unit] = 1
      }
    }
  }
  const all = totals(counts)
  const taken = Math.max(0, units - (all.total ?? 0))
  const holders = holdersOf(region, isFree, processOf)
  return { content: 'pool', blocks: units, blockSize: unitSize, taken, holders, ...all }
}

/** Walks each list by the links, which are read once; no walk has more steps than there are nodes in all. */
function listOf(region: RegionView, processOf: ProcessOf): Content<ListSnapshot> {
  const { units } = region.arena
  const heads = readShards(region, LIST_LENGTH).map((view) => uint64(view, 0))
  const bytes = region.file.read(unitWordsAt(region), units * WORD)
  const links = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const seen = new Uint8Array(units)
  const shares = heads.map((head) => {
    let count = 0
    for (let next = head; next > 0 && next <= units && seen[next - 1] === 0; next = uint64(links, next - 1)) {
      seen[next - 1] = 1
      count++
    }
    return count
  })
  const holders = holdersOf(region, seen, processOf)
  return { content: 'list', nodes: units, holders, ...totals(shares) }
}

function arrayOf(region: RegionView): Content<ArraySnapshot> {
  const length = region.length - ARRAY_HEAD
  const valueAt = readerOf(region.element)
  const count = Math.min(length, MOST_WORDS)
  const words = readShards(region, ARRAY_HEAD + count).map((view) =>
    Array.from({ length: count }, (_, i) => finite(valueAt(view, ARRAY_HEAD + i))),
  )
  const element = arrayElement(region.element)
  return { content: 'array', element, length, words, total: null, perCpu: [], overflow: 0 }
}

function locksOf(region: RegionView, processOf: ProcessOf): Content<LocksSnapshot> {
  const isMutex = region.kind === Kind.mutex
  // A mutex is in shard 0; its overflow shard is not used.
  const views = readShards(region, LOCK_LENGTH).slice(0, isMutex ? 1 : undefined)
  const locks: LockSnapshot[] = []
  const shares = views.map((view, shard) => {
    const word = (at: number): number => view.getUint32(4 * at, true)
    const [low, high] = [word(LockWord.state), word(LockWord.stateHigh)]
    const owner = ownerOf(low, high, processOf)
    const ownerDied = low === LockState.ownerDied >>> 0 && high === 0
    const isAwaited = word(LockWord.sleepers) !== 0 || word(LockWord.callers) !== 0
    const cpu = isMutex ? null : shard === views.length - 1 ? 'overflow' : shard
    if (owner !== null || ownerDied || isAwaited) locks.push({ cpu, owner, ownerDied, isAwaited })
    return owner === null ? 0 : 1
  })
  const all = totals(isMutex ? [...shares, 0] : shares)
  return { content: isMutex ? 'mutex' : 'cpuLock', locks, ...all }
}

/**
 * Reads what is in an object's file.
 *
 * @param openRegion - opens the region that begins at a byte of the file.
 * @throws Unreadable
 */
export function readContent(file: FileView, openRegion: OpenRegion, processOf: ProcessOf): ObjectContent {
  const histogram = histogramHeader(file)
  if (histogram !== undefined) return histogramOf(openRegion, histogram)
  const map = mapOf(file)
  if (map !== undefined) return map
  const region = openRegion(0)
  switch (region.kind) {
    case Kind.counters:
      return countersOf(region)
    case Kind.ring:
      return ringOf(region, processOf)
    case Kind.stack:
      return stackOf(region)
    case Kind.pool:
      return poolOf(region, processOf)
    case Kind.list:
      return listOf(region, processOf)
    case Kind.array:
      return arrayOf(region)
    case Kind.mutex:
    case Kind.cpuLock:
      return locksOf(region, processOf)
    case Kind.heap:
      throw new Unreadable('holds a heap, which processes cannot share')
  }
}
