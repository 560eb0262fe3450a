/**
 * What processes that share a map agree on.
 *
 * @module
 */
import { MAP_VERSION, readHeader } from '../core/map-layout.js'
import { formatMap, newGeometry } from '../map/memory.js'
import type { MapOptions } from '../map/options.js'
import { choice } from '../runtime/backend.js'
import type { Specification } from './specification.js'

export function specifyMap(options: MapOptions): Specification {
  const geometry = newGeometry(options)
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
