/**
 * What processes that share a map agree on.
 *
 * @module
 */
import { MAP_VERSION, geometryOf, readHeader } from '../core/map-layout.js'
import { type MapOptions, formatMap, mapShape } from '../map/map.js'
import { choice } from '../runtime/backend.js'
import type { Specification } from './specification.js'

export function specifyMap(options: MapOptions): Specification {
  const geometry = geometryOf(mapShape(options))
  const { entries, bytes, ttl, totalBytes } = geometry
  return {
    agreed: [MAP_VERSION, entries, bytes, ttl],
    bytes: totalBytes,
    bytesAtFirst: totalBytes,
    scriptBytes: totalBytes,
    format(buffer) {
      formatMap(buffer, geometry, choice.sharing().backend)
    },
    isIn(buffer) {
      const found = readHeader(buffer)
      return found.entries === entries && found.bytes === bytes && found.ttl === ttl
    },
  }
}
