// What the threads of a test note about the blocks of a heap: who has taken each, in an array with a word for each number of
// a block; and a byte that fills the block, as long as somebody has it.

/** The byte that fills a block of this owner. */
const fillOf = (block, who) => 1 + ((block + 31 * who) % 255)

/** Notes that `who` has taken a block, and fills it. False, without a change, if somebody has it already. */
export function claim(heap, owners, block, who) {
  if (Atomics.compareExchange(owners, block, 0, who) !== 0) return false
  heap.view(block).fill(fillOf(block, who))
  return true
}

/** Whether a block holds what its owner has written. */
export function isUnharmed(heap, owners, block) {
  const view = heap.view(block)
  return Buffer.alloc(view.length, fillOf(block, Atomics.load(owners, block))).equals(view)
}

/** Notes that nobody has the block any more. Call it before the block is freed. */
export function unclaim(owners, block) {
  Atomics.store(owners, block, 0)
}

/** Puts a block, or -1, into a slot, and answers what was there. */
export function handOver(slots, slot, block) {
  return Atomics.exchange(slots, slot, block + 1) - 1
}
