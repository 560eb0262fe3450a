/**
 * What a map that nobody writes must be: whole.
 *
 * @module
 */
import { expect } from 'vitest'
import type { MapKey, SharedMap } from '../../lib/index.js'

const bytesOf = (value: unknown): number =>
  typeof value === 'number'
    ? 8
    : typeof value === 'string'
      ? Buffer.byteLength(value)
      : (value as Uint8Array).length

/** Bytes of an entry, as the documentation says: 32, the key and the value in whole words of 4, in all a multiple of 8. */
function entryBytes(key: MapKey, value: unknown): number {
  const words = (bytes: number): number => Math.ceil(bytes / 4)
  return 8 * Math.ceil((8 + words(bytesOf(key)) + words(bytesOf(value))) / 2)
}

/** Expects that what the map says of itself is what its entries come to, and that each of them is found by its key. */
export function expectWhole(map: SharedMap): void {
  const entries = [...map.entries()]
  const { entries: count, bytes } = map.statistics()
  expect(new Set(entries.map(([key]) => String(key))).size).toBe(entries.length)
  expect(count).toBe(entries.length)
  expect(bytes).toBe(entries.reduce((sum, [key, value]) => sum + entryBytes(key, value), 0))
  for (const [key, value] of entries) expect(map.get(key)).toEqual(value)
}
