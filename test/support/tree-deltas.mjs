// What the workers of the tests of counters with a tree add: numbers below and above a step, of both signs.
const DELTAS = [1, 1, 5, -3, 100, 1, -40, 7, 1, 2]

/** What worker `slot` adds in its `i`-th addition. */
export function deltaOf(slot, i) {
  const delta = DELTAS[(i + 3 * slot) % DELTAS.length]
  return slot % 2 === 0 ? delta : -delta + 3
}

/** What worker `slot` has added by its first `count` additions. */
export function sumOfDeltas(slot, count) {
  const sumOfFirst = (most) => {
    let sum = 0
    for (let i = 0; i < most; i++) sum += deltaOf(slot, i)
    return sum
  }
  const turns = Math.floor(count / DELTAS.length)
  return turns * sumOfFirst(DELTAS.length) + sumOfFirst(count % DELTAS.length)
}
