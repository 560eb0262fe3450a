/** What a test needs of a heap. */
interface Blocks {
  view: (block: number) => Uint8Array
}

export function claim(heap: Blocks, owners: Int32Array, block: number, who: number): boolean
export function isUnharmed(heap: Blocks, owners: Int32Array, block: number): boolean
export function unclaim(owners: Int32Array, block: number): void
export function handOver(slots: Int32Array, slot: number, block: number): number
