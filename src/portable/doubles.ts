/**
 * Reads and sets counters of doubles without the addon, like `native/percpu/counter.cc`. That file explains the three words
 * behind the counters of the overflow shard.
 *
 * @module
 */
import { Status, Writers } from '../core/layout.js'
import { fromBits, toBits } from '../core/word-bits.js'
import { asOwner } from './ownership.js'
import { type PortableRegion, at } from './region.js'

/** Positions of the three words, counted from the end of the overflow shard's counters. */
const SetWord = { stop: 0, sets: 1, value: 2 } as const
const COUNT_SHIFT = 32n
/** Bounds the compare-and-exchange loop. An attempt fails only when another thread has changed the word. */
const EXCHANGE_ATTEMPTS = 1 << 16
/** How often a reader retries before it becomes the owner itself. A setter that lives needs less time than that. */
const LOOKS = 1 << 10

function setWord(region: PortableRegion, word: number): number {
  return at(region, region.shards, region.length + word)
}

/** The number of the counter that is being set, plus 1; 0 if none is. */
function pending(sets: bigint): number {
  return Number(BigInt.asUintN(32, sets))
}

function loadSets(region: PortableRegion): bigint {
  return BigInt.asUintN(64, Atomics.load(region.words, setWord(region, SetWord.sets)))
}

function sumOfShards(region: PortableRegion, i: number): number {
  let sum = 0
  for (let shard = 0; shard < region.shards; shard++)
    sum += fromBits(Atomics.load(region.words, at(region, shard, i)))
  return sum
}

function sumOfWords(region: PortableRegion, i: number): number {
  const overflow = fromBits(Atomics.load(region.words, at(region, region.shards, i)))
  return sumOfShards(region, i) + overflow
}

/** Sets a counter to `value` and returns the sum of its old words. Only the owner of the stop word may call this. */
function exchangeAll(region: PortableRegion, i: number, value: bigint): number {
  let held = 0
  for (let shard = 0; shard < region.shards; shard++)
    held += fromBits(Atomics.exchange(region.words, at(region, shard, i), 0n))
  return held + fromBits(Atomics.exchange(region.words, at(region, region.shards, i), value))
}

function endSet(region: PortableRegion, sets: bigint): void {
  const count = BigInt.asUintN(32, (sets >> COUNT_SHIFT) + 1n)
  Atomics.store(region.words, setWord(region, SetWord.sets), BigInt.asIntN(64, count << COUNT_SHIFT))
}

/** Finishes the work of a setter whose thread ended in the middle. Only the owner of the stop word may call this. */
function finishSet(region: PortableRegion): void {
  const sets = loadSets(region)
  const number = pending(sets)
  if (number === 0) return
  if (number <= region.length)
    exchangeAll(region, number - 1, Atomics.load(region.words, setWord(region, SetWord.value)))
  endSet(region, sets)
}

/**
 * Runs `act` as the owner of the stop word, after finishing an interrupted set. Returns 0, or a negated Status if this thread
 * cannot become the owner.
 */
function asSetter(region: PortableRegion, act: () => void): number {
  // The portable backend cannot end a section that runs.
  if (region.writers === Writers.sections) return -Status.unfenceable
  return asOwner(region, region.shards, region.length + SetWord.stop, () => {
    finishSet(region)
    act()
    return 0
  })
}

/** The sum of a counter's words, read while no counter was being set. */
export function sumOfDoubles(region: PortableRegion, i: number): number {
  for (let look = 0; look < LOOKS; look++) {
    const before = loadSets(region)
    if (pending(before) !== 0) continue
    const sum = sumOfWords(region, i)
    if (loadSets(region) === before) return sum
  }
  let sum = NaN
  const answer = asSetter(region, () => {
    sum = sumOfWords(region, i)
  })
  return answer === 0 ? sum : sumOfWords(region, i)
}

/** The outcome of setting a counter. `held` is its value before; NaN unless `status` is ok. */
export interface SetOutcome {
  readonly status: Status
  readonly held: number
}

/** Sets a counter whose shards are all 0 and returns its value before; undefined, without a change, if they are not. */
function setEmpty(region: PortableRegion, i: number, value: bigint): number | undefined {
  if (pending(loadSets(region)) !== 0) return undefined
  const position = at(region, region.shards, i)
  const seen = Atomics.load(region.words, position)
  for (let shard = 0; shard < region.shards; shard++)
    if (Atomics.load(region.words, at(region, shard, i)) !== 0n) return undefined
  return Atomics.compareExchange(region.words, position, seen, value) === seen ? fromBits(seen) : undefined
}

/** Sets a counter by changing its overflow word only, for regions whose shards are written by sections. */
function setByDifference(region: PortableRegion, i: number, value: number): SetOutcome {
  const position = at(region, region.shards, i)
  let seen = Atomics.load(region.words, position)
  for (let attempt = 0; attempt < EXCHANGE_ATTEMPTS; attempt++) {
    const sum = sumOfShards(region, i)
    if (!Number.isFinite(value - sum)) return { status: Status.unfenceable, held: NaN }
    const before = Atomics.compareExchange(region.words, position, seen, toBits(value - sum))
    if (before === seen) return { status: Status.ok, held: sum + fromBits(seen) }
    seen = before
  }
  return { status: Status.contended, held: NaN }
}

/** Sets a counter of doubles; see `counter_set` in `native/percpu/counter.h`. */
export function setDouble(region: PortableRegion, i: number, value: number): SetOutcome {
  const bits = toBits(value)
  const before = setEmpty(region, i, bits)
  if (before !== undefined) return { status: Status.ok, held: before }
  let held = NaN
  const answer = asSetter(region, () => {
    const sets = loadSets(region)
    Atomics.store(region.words, setWord(region, SetWord.value), bits)
    Atomics.store(region.words, setWord(region, SetWord.sets), BigInt.asIntN(64, sets | BigInt(i + 1)))
    held = exchangeAll(region, i, bits)
    endSet(region, sets)
  })
  if (answer === -Status.unfenceable) return setByDifference(region, i, value)
  return { status: -answer as Status, held }
}
