/** What worker `slot` adds in its `i`-th addition. */
export function deltaOf(slot: number, i: number): number
/** What worker `slot` has added by its first `count` additions. */
export function sumOfDeltas(slot: number, count: number): number
