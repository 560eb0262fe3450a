/**
 * Makes several additions as one: a Worker that is terminated meanwhile has made all of them or none.
 *
 * JavaScript engines end a thread only at the beginning of a call, of a function or of a builtin such as `Atomics.add`, and
 * at the next turn of a loop. So a thread can end between two additions that follow each other. Here the additions are
 * nested: the operand of each is an object that makes the next addition when `Atomics.add` asks it for its value. All calls
 * begin before the first change of the memory, and only returns follow that change.
 *
 * @module
 */
import { Status } from '../core/layout.js'
import { fromBits, toBits } from '../core/word-bits.js'

/** Bounds the compare-and-exchange loop. An attempt fails only when another thread has changed the word. */
const EXCHANGE_ATTEMPTS = 1 << 16
/** How many additions can be made together. Each is a call inside the one before; a few hundred of them fit on any stack. */
const MOST_TOGETHER = 256

/** The additions being gathered: word, position and delta of each. */
const words: BigInt64Array[] = []
const positions: number[] = []
const deltas: bigint[] = []
let count = 0

/** The addition to a double, which the innermost call makes; null if there is none. */
let sumWords: BigInt64Array | null = null
let sumPosition = 0
let sumDelta = 0
let status: Status = Status.ok
/** The number of the addition whose call begins next, and the number of additions. */
let next = 0
let end = 0

const operand = {
  valueOf(): bigint {
    const k = next++
    if (next < end) addNext()
    else if (sumWords !== null) status = addDouble(sumWords, sumPosition, sumDelta)
    return status === Status.ok ? (deltas[k] as bigint) : 0n
  },
}

function addNext(): void {
  Atomics.add(words[next] as BigInt64Array, positions[next] as number, operand as unknown as bigint)
}

/** Adds to a double by compare-and-exchange on its bits. */
export function addDouble(memory: BigInt64Array, position: number, delta: number): Status {
  let seen = Atomics.load(memory, position)
  for (let attempt = 0; attempt < EXCHANGE_ATTEMPTS; attempt++) {
    const before = Atomics.compareExchange(memory, position, seen, toBits(fromBits(seen) + delta))
    if (before === seen) return Status.ok
    seen = before
  }
  return Status.contended
}

/** Gathers an addition to a whole number for {@link addTogether}. Makes the earlier ones if no more fit. */
export function gather(memory: BigInt64Array, position: number, delta: bigint): void {
  if (count === MOST_TOGETHER) addTogether()
  words[count] = memory
  positions[count] = position
  deltas[count] = delta
  count++
}

/** Makes all additions that were gathered, and the one to a double if there is one. At least one must be gathered. */
function addGathered(): Status {
  // Resets everything first: if the stack overflows in the calls below, nothing may be left over for the next use.
  end = count
  count = next = 0
  status = Status.ok
  addNext()
  return status
}

/** Makes all additions that were gathered. */
export function addTogether(): void {
  if (count === 0) return
  sumWords = null
  addGathered()
}

/**
 * Makes all additions that were gathered, together with one to a double.
 *
 * @returns ok; or contended, and then no addition was made.
 */
export function addSumTogether(memory: BigInt64Array, position: number, delta: number): Status {
  if (count === 0) return addDouble(memory, position, delta)
  sumWords = memory
  sumPosition = position
  sumDelta = delta
  return addGathered()
}
