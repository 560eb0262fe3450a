const OFFSET = 0x811c9dc5
const PRIME = 0x01000193

/** Returns the FNV-1a hash of bytes, 32 bits. It finds accidental differences; anybody can choose bytes with a given hash. */
export function fnv1a(bytes: Uint8Array): number {
  let hash = OFFSET
  for (const byte of bytes) hash = Math.imul(hash ^ byte, PRIME)
  return hash >>> 0
}
