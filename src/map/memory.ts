/**
 * Makes the memory of maps, and checks it.
 *
 * @module
 */
import { Kind, LOCK_LENGTH } from '../core/layout.js'
import {
  A_MAP,
  type Geometry,
  MUTEX_BYTES,
  checkShape,
  geometryOf,
  mutexOffsets,
  readHeader,
  writeHeader,
} from '../core/map-layout.js'
import { checkOptions } from '../core/options.js'
import { backend } from '../runtime/backend.js'
import { checkBuffer, formatRegion, newMemory } from '../runtime/region.js'
import type { MapOptions } from './options.js'

const OPTIONS = ['entries', 'bytes', 'ttl'] as const

/** Returns where everything is in a new map. @throws TypeError, RangeError that name the wrong option. */
export function newGeometry(options: MapOptions): Geometry {
  const { entries, bytes, ttl } = checkOptions('options', options, OPTIONS)
  return geometryOf(checkShape(entries, bytes, ttl))
}

/** Writes a new, empty map into zeroed memory. */
export function formatMap(buffer: SharedArrayBuffer, geometry: Geometry, maker = backend): void {
  for (const offset of mutexOffsets(geometry)) {
    const bytes = new Uint8Array(buffer, offset, MUTEX_BYTES)
    formatRegion(bytes, Kind.mutex, LOCK_LENGTH, 'i64', 'cpu', 1, undefined, maker)
  }
  writeHeader(buffer, geometry)
}

/** Makes the memory of a new map. */
export function newMap(options: MapOptions): SharedArrayBuffer {
  const geometry = newGeometry(options)
  const buffer = newMemory(geometry.totalBytes, ['bytes', geometry.bytes])
  formatMap(buffer, geometry)
  return buffer
}

/** Returns where everything is in a buffer. @throws TypeError, RangeError if it has no map. */
export function geometryIn(buffer: unknown): Geometry {
  checkBuffer(buffer, A_MAP)
  return readHeader(buffer)
}
