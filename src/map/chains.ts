/**
 * Reads whole chains of a map, for iteration.
 *
 * @module
 */
import { COMPUTING, EntryWord, NOWHERE, SegmentWord, keyBytesOf, kindOf } from '../core/map-layout.js'
import { keyFrom } from './key.js'
import { ATTEMPTS, type OpenMap } from './open-map.js'
import type { MapKey } from './options.js'

type Entry = [key: MapKey, value: unknown]

/** Yields the entries of all chains, each chain as it is at one moment. */
export function* allEntries(map: OpenMap): Generator<Entry> {
  for (const segment of map.segments()) {
    const first = segment + SegmentWord.buckets
    for (let bucket = first; bucket < first + map.geometry.buckets; bucket++) {
      map.checkOpen()
      yield* entriesOf(map, segment, bucket)
    }
  }
}

function entriesOf(map: OpenMap, segment: number, bucket: number): Entry[] {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const found = tryEntriesOf(map, segment, bucket)
    if (found !== undefined) return found
  }
  return map.exclusively(segment, () => tryEntriesOf(map, segment, bucket)) ?? []
}

/** Returns undefined if the chain changed meanwhile. */
function tryEntriesOf(map: OpenMap, segment: number, bucket: number): Entry[] | undefined {
  const { reader, value } = map
  const { words } = reader
  const found: Entry[] = []
  const first = reader.enter(segment, bucket)
  let position = first
  for (let steps = 0; position !== NOWHERE; steps++) {
    if (steps > map.geometry.units) return undefined
    const at = reader.goTo(position)
    const lengths = words[at + EntryWord.lengths] as number
    const next = words[at + EntryWord.next] as number
    if (!reader.copyValue(at, value)) return undefined
    if (kindOf(lengths) < COMPUTING && !map.hasExpired()) {
      const decoded = value.decode()
      const keyBytes = keyBytesOf(lengths)
      if (!reader.copyKey(at, keyBytes, value)) return undefined
      found.push([keyFrom(value.bytes.subarray(0, keyBytes), kindOf(lengths)), decoded])
    }
    if (next !== NOWHERE && ((next - position) | 0) >= 0) return undefined
    position = next
  }
  return Atomics.load(words, bucket) === first ? found : undefined
}
