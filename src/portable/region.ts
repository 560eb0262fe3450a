/**
 * Makes and checks regions without the addon, like `native/percpu/region.cc`.
 *
 * @module
 */
import { threadId } from 'node:worker_threads'
import {
  type Arena,
  Element,
  HEADER_BYTES,
  HeaderWord,
  Index,
  Kind,
  LAYOUT_VERSION,
  MAGIC,
  MAX_SHARDS,
  Policy,
  RegionError,
  type RegionSpec,
  SHARD_ALIGNMENT,
  Writers,
  hasArena,
  isPossibleArena,
  isElementOf,
  isValueOf,
  leastLength,
  overflowStride,
  shardStride,
  sizeOfShards,
} from '../core/layout.js'

/** A checked region: a private copy of the header's fields, which no other thread can overwrite. */
export interface PortableRegion {
  /** The words of all shards, from shard 0 on, and of the units. The overflow shard is the last shard. */
  readonly words: BigInt64Array
  readonly strideWords: number
  readonly kind: Kind
  readonly shards: number
  readonly length: number
  readonly element: Element
  readonly index: Index
  readonly writers: Writers
  readonly arena: Arena
  /** The position in `words` at which the words of the units begin. */
  readonly firstUnitWord: number
  /** The offset of shard 0 from the region's beginning, in bytes. */
  readonly firstShard: number
  /** The policy of a ring; 0 for other kinds. */
  readonly policy: Policy | 0
}

/** The number of the shard that the calling thread writes. */
export function ownShard(region: PortableRegion): number {
  return region.writers === Writers.atomics ? threadId % region.shards : region.shards
}

/** The position in `words` of word `i` of a shard. */
export function at(region: PortableRegion, shard: number, i: number): number {
  return shard * region.strideWords + i
}

/** Writes the header of a region into zeroed memory. Returns a RegionError, `none` if it succeeded. */
export function formatRegion(bytes: Uint8Array, spec: RegionSpec): RegionError {
  const stride = shardStride(spec.length)
  const { units, unitSize, isChecked } = spec.arena
  // JavaScript cannot see the memory's address. This offset is right for memory that is aligned.
  const firstShard = SHARD_ALIGNMENT
  if (spec.shards === 0 || spec.shards > MAX_SHARDS) return RegionError.geometry
  if (spec.length < leastLength(spec.kind)) return RegionError.geometry
  if (!isPossibleArena(spec.kind, spec.length, spec.arena)) return RegionError.geometry
  const size = sizeOfShards(spec.kind, spec.element, spec.shards, spec.length, spec.arena)
  if (bytes.byteLength < firstShard + size) return RegionError.tooShort
  const header = new Uint32Array(bytes.buffer, bytes.byteOffset, HEADER_BYTES / 4)
  header[HeaderWord.magic] = MAGIC
  header[HeaderWord.version] = LAYOUT_VERSION
  header[HeaderWord.kind] = spec.kind
  header[HeaderWord.element] = spec.element
  header[HeaderWord.index] = spec.index
  header[HeaderWord.writers] = spec.writers
  header[HeaderWord.shards] = spec.shards
  header[HeaderWord.length] = spec.length
  header[HeaderWord.stride] = stride
  header[HeaderWord.firstShard] = firstShard
  header[HeaderWord.policy] = spec.policy
  header[HeaderWord.units] = units
  header[HeaderWord.unitSize] = unitSize
  header[HeaderWord.isChecked] = Number(isChecked)
  return RegionError.none
}

/** Copies the header of a region once and checks the copy. Returns the region or a RegionError. */
export function openRegion(bytes: Uint8Array, kind: Kind): PortableRegion | RegionError {
  if (bytes.byteOffset % 8 !== 0) return RegionError.misaligned
  if (bytes.byteLength < HEADER_BYTES) return RegionError.tooShort
  const header = new Uint32Array(bytes.buffer, bytes.byteOffset, HEADER_BYTES / 4).slice()
  const word = (position: number): number => header[position] as number

  if (word(HeaderWord.magic) !== MAGIC) return RegionError.magic
  if (word(HeaderWord.version) !== LAYOUT_VERSION) return RegionError.version
  if (word(HeaderWord.kind) !== kind) {
    return isValueOf(Kind, word(HeaderWord.kind)) ? RegionError.kind : RegionError.field
  }
  const element = word(HeaderWord.element)
  const index = word(HeaderWord.index)
  const writers = word(HeaderWord.writers)
  if (!isValueOf(Element, element) || !isValueOf(Index, index) || !isValueOf(Writers, writers)) {
    return RegionError.field
  }
  const policy = word(HeaderWord.policy)
  if (!isElementOf(element, kind)) return RegionError.field
  if (kind === Kind.ring ? !isValueOf(Policy, policy) : policy !== 0) return RegionError.field
  // Memory that processes share names owners by their process too, and the portable backend has no such names.
  if (word(HeaderWord.isShared) === 1) return RegionError.shared
  if ((word(HeaderWord.isShared) | word(HeaderWord.allocated)) !== 0) return RegionError.field

  const isChecked = word(HeaderWord.isChecked)
  const arena = {
    units: word(HeaderWord.units),
    unitSize: word(HeaderWord.unitSize),
    isChecked: isChecked === 1,
  }
  if (isChecked > 1) return RegionError.field
  if (!hasArena(kind) && (arena.units | arena.unitSize | isChecked) !== 0) return RegionError.field

  const shards = word(HeaderWord.shards)
  const length = word(HeaderWord.length)
  const stride = word(HeaderWord.stride)
  const firstShard = word(HeaderWord.firstShard)
  if (shards === 0 || shards > MAX_SHARDS || length < leastLength(kind)) return RegionError.geometry
  if (stride !== shardStride(length)) return RegionError.geometry
  if (!isPossibleArena(kind, length, arena)) return RegionError.geometry
  if (firstShard < HEADER_BYTES || firstShard % 8 !== 0) return RegionError.geometry
  const total = sizeOfShards(kind, element, shards, length, arena)
  if (bytes.byteLength < firstShard + total) return RegionError.tooShort

  const words = new BigInt64Array(bytes.buffer, bytes.byteOffset + firstShard, total / 8)
  const firstUnitWord = (shards * stride + overflowStride(kind, element, length, arena.units)) / 8
  return {
    ...{ kind, words, strideWords: stride / 8, shards, length, element, index, writers },
    ...{ policy: policy as Policy | 0, arena, firstUnitWord, firstShard },
  }
}
