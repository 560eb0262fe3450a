/**
 * What is in the file of a map.
 *
 * @module
 */
import { MAP_MAGIC } from '../core/layout.js'
import {
  MAP_HEADER_BYTES,
  SEGMENT_COUNTS,
  UNIT_BYTES,
  SegmentWord,
  type Statistic,
  byteOffset,
  readHeader,
  readStatistics,
  statisticsOf,
} from '../core/map-layout.js'
import { type FileView, Unreadable } from './file.js'

/**
 * What is read of a map, with what `MapStatistics` describes. `total` is the number of lookups, of which `perCpu` and `overflow`
 * say nothing.
 */
export interface MapContent extends Readonly<Record<Statistic, number>> {
  readonly content: 'map'
  readonly total: number
  readonly perCpu: readonly number[]
  readonly overflow: number
  /** For how many entries the map was made. */
  readonly capacity: number
  /** How many milliseconds an entry lives by default; 0: until it is evicted. */
  readonly ttl: number
  /** Entries that are there, and their bytes with keys, values and heads. */
  readonly entries: number
  readonly entryBytes: number
}

/** Reads a map without its entries; undefined if something else is in the file. O(parts of the map). @throws Unreadable */
export function mapOf(file: FileView): MapContent | undefined {
  if (file.stats.size < MAP_HEADER_BYTES) return undefined
  const bytes = file.read(0, MAP_HEADER_BYTES)
  if (bytes.readUInt32LE(0) !== MAP_MAGIC) return undefined
  const header = Uint8Array.from(bytes).buffer
  let geometry
  try {
    geometry = readHeader(header, file.stats.size)
  } catch (error) {
    throw new Unreadable((error as Error).message)
  }
  const { entries: capacity, ttl, segments, segmentWords, firstSegment } = geometry
  let [entries, units] = [0, 0]
  for (let k = 0; k < segments; k++) {
    const words = file.read(byteOffset(firstSegment + k * segmentWords), byteOffset(SEGMENT_COUNTS))
    entries += words.readInt32LE(byteOffset(SegmentWord.count))
    units += words.readInt32LE(byteOffset(SegmentWord.live))
  }
  const counts = readStatistics(statisticsOf(header))
  const total = counts.hits + counts.misses
  return {
    ...{ content: 'map', total, perCpu: [], overflow: total },
    ...{ capacity, ttl, entries, entryBytes: UNIT_BYTES * units, ...counts },
  }
}
