/**
 * Damaged copies of ELF files, the same in every run.
 *
 * @module
 */
import { ElfPatch, TABLES } from './elf-patch.js'

/** Pseudo-random numbers from 0 to 1, the same in every run (Mulberry32). */
export function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A copy that is cut off, or has some bits flipped: anywhere, in the headers, or in what describes sections. */
export function damage(good: Uint8Array, random: () => number): Uint8Array {
  const below = (limit: number): number => Math.floor(random() * limit)
  const patch = new ElfPatch(good)
  if (below(4) === 0) return patch.bytes.subarray(0, below(good.length))
  const { offset, size } = patch.section([...Object.values(TABLES), '.rela.dyn', '.symtab'][below(5)] ?? '')
  const headers = Number(patch.view.getBigUint64(40, true))
  const places = [
    [0, 64],
    [64, 56 * patch.view.getUint16(56, true)],
    [headers, good.length - headers],
    [offset, size],
    [offset, size],
    [0, good.length],
  ] as const
  const [from, length] = places[below(places.length)] ?? places[0]
  for (let flips = 1 + below(8); flips > 0; flips--) {
    const at = from + below(length)
    patch.bytes[at] = (patch.bytes[at] ?? 0) ^ (1 << below(8))
  }
  return patch.bytes
}
