/** The usual beginning of the hash. */
export const FNV_OFFSET = 0x811c9dc5
const PRIME = 0x01000193

/**
 * Returns the FNV-1a hash of bytes, 32 bits. It finds accidental differences; anybody can choose bytes with a given hash.
 *
 * @param start - where the hash begins: hashes with different beginnings differ.
 */
export function fnv1a(bytes: Uint8Array, start = FNV_OFFSET): number {
  let hash = start
  for (const byte of bytes) hash = Math.imul(hash ^ byte, PRIME)
  return hash >>> 0
}
