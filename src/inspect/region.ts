/**
 * The header of a region in a file, checked against the file's size before anything else is read.
 *
 * @module
 */
import {
  type Arena,
  Element,
  HEADER_BYTES,
  HeaderWord,
  Index,
  Kind,
  LAYOUT_VERSION,
  MAGIC,
  MAX_LENGTH,
  MAX_SHARDS,
  NO_ARENA,
  Policy,
  SHARD_ALIGNMENT,
  Writers,
  contentOf,
  hasArena,
  isElementOf,
  isPossibleArena,
  isValueOf,
  leastLength,
  shardStride,
  sizeOfShards,
} from '../core/layout.js'
import { type FileView, Unreadable } from './file.js'

const WORD = 8
/** The oldest layout version that is read: version 3 added the number of allocated shards, in a word that was 0. */
const OLDEST_VERSION = 2

/** A region in a file. */
export interface RegionView {
  readonly file: FileView
  /** Where the region begins in the file. */
  readonly base: number
  /** The bytes of the header. */
  readonly header: Buffer
  readonly kind: Kind
  readonly element: Element
  readonly writers: Writers
  /** The number of shards, without the overflow shard. */
  readonly shards: number
  /** How many leading shards are allocated. The others are empty. */
  readonly allocated: number
  /** Words of a shard. */
  readonly length: number
  readonly policy: number
  readonly arena: Arena
  /** The byte offset of shard 0 in the file. */
  readonly first: number
  /** Bytes from one shard to the next. */
  readonly stride: number
}

/**
 * Checks a region that begins at byte `base` of a file.
 *
 * @param last - what an earlier call returned. If the header has not changed since, that is the answer again.
 * @throws Unreadable if it is none, is of another layout, or does not fit into the file.
 */
export function openRegionView(file: FileView, base = 0, last?: RegionView): RegionView {
  if (last !== undefined) {
    if (last.base === base && last.header.equals(file.read(base, HEADER_BYTES))) return last
    // A shard was allocated, or the file was overwritten.
    file.refresh()
  }
  if (file.stats.size < base + HEADER_BYTES)
    throw new Unreadable(`is too short for a header (${file.stats.size} bytes)`)
  const header = Buffer.from(file.read(base, HEADER_BYTES))
  const word = (at: number): number => header.readUInt32LE(4 * at)
  if (word(HeaderWord.magic) !== MAGIC) {
    const content = contentOf(header)
    throw new Unreadable(
      content === undefined
        ? 'was not made by rseq (it does not begin with the magic number)'
        : content.replace(/;.*/, '; it cannot be read from outside'),
    )
  }
  const version = word(HeaderWord.version)
  if (version < OLDEST_VERSION || version > LAYOUT_VERSION) {
    throw new Unreadable(
      `was made by layout version ${version}; this release of rseq reads versions ${OLDEST_VERSION} to ${LAYOUT_VERSION}`,
    )
  }
  const [kind, element, writers] = [word(HeaderWord.kind), word(HeaderWord.element), word(HeaderWord.writers)]
  if (!isValueOf(Kind, kind))
    throw new Unreadable(`is of kind ${kind}, which this release of rseq does not know`)
  const [shards, length, policy] = [word(HeaderWord.shards), word(HeaderWord.length), word(HeaderWord.policy)]
  const sizes = {
    units: word(HeaderWord.units),
    unitSize: word(HeaderWord.unitSize),
    isChecked: word(HeaderWord.isChecked) === 1,
    isShared: word(HeaderWord.isShared) === 1,
  }
  const arena = hasArena(kind) ? sizes : NO_ARENA
  const isKnown =
    isValueOf(Element, element) &&
    isElementOf(element, kind) &&
    isValueOf(Writers, writers) &&
    isValueOf(Index, word(HeaderWord.index)) &&
    (kind === Kind.ring ? isValueOf(Policy, policy) : policy === 0)
  const first = word(HeaderWord.firstShard)
  const allocated = word(HeaderWord.allocated)
  const isPossible =
    shards > 0 &&
    shards <= MAX_SHARDS &&
    length >= leastLength(kind) &&
    length <= MAX_LENGTH &&
    word(HeaderWord.stride) === shardStride(length) &&
    first >= HEADER_BYTES &&
    first < HEADER_BYTES + SHARD_ALIGNMENT &&
    first % WORD === 0 &&
    allocated <= shards &&
    isPossibleArena(kind, length, arena)
  if (!isKnown || !isPossible)
    throw new Unreadable('has a header whose fields do not fit together: it was overwritten')
  const end = base + first + sizeOfShards(kind, element, shards, length, arena)
  if (end > file.stats.size) {
    throw new Unreadable(
      `has ${file.stats.size} bytes, and its header needs ${end}: it was truncated or overwritten`,
    )
  }
  return {
    ...{ file, base, header, shards, length, policy, arena },
    ...{ kind: kind, element: element, writers: writers },
    ...{ first: base + first, stride: shardStride(length), allocated: allocated === 0 ? shards : allocated },
  }
}

/** The byte offset of a shard in the file. The overflow shard has the number `shards`. */
export function shardAt({ first, stride }: RegionView, shard: number): number {
  return first + shard * stride
}

/** The numbers of the shards that can hold something, the overflow shard last. */
export function shardsOf({ allocated, shards }: RegionView): number[] {
  return [...Array(allocated).keys(), shards]
}

/**
 * Reads the first words of each allocated shard and of the overflow shard, the last, by few system calls.
 *
 * @throws Unreadable if that is more than one read may have, in all.
 */
export function readShards(region: RegionView, words: number): DataView[] {
  const { file, stride, allocated, shards } = region
  const bytes = words * WORD
  const viewOf = (of: Buffer, at: number): DataView => new DataView(of.buffer, of.byteOffset + at, bytes)
  // Short shards come by one read, with the bytes between them.
  if (stride <= 4 * bytes || stride <= 1024) {
    const isTogether = allocated === shards
    const all = file.read(shardAt(region, 0), isTogether ? shards * stride + bytes : allocated * stride)
    const views = Array.from({ length: allocated }, (_, shard) => viewOf(all, shard * stride))
    return [
      ...views,
      isTogether ? viewOf(all, shards * stride) : viewOf(file.read(shardAt(region, shards), bytes), 0),
    ]
  }
  return shardsOf(region).map((shard) => viewOf(file.read(shardAt(region, shard), bytes), 0))
}
