/**
 * Ownership of a shard without the addon, like `native/percpu/remote.cc`.
 *
 * A Worker may be terminated between any two calls. threads.ts knows of most owners whether they live. For all others, each
 * stop word has a lease, which ends by itself and which the owner renews with every operation.
 *
 * @module
 */
import { Status, Writers } from '../core/layout.js'
import { isLeaseRunning, leaseFrom, ownerWord, readOwnerWord } from '../core/owner.js'
import { type PortableRegion, at } from './region.js'
import { isOwnerAlive, now, portableThread } from './threads.js'

/** How many milliseconds a thread waits for an owner that lives; equal to `kStopPatienceMs` in `native/percpu/remote.h`. */
const PATIENCE_MS = 10_000
let patience = PATIENCE_MS

/** Sets how many milliseconds this thread waits for an owner that lives. For tests. */
export function setPatience(milliseconds: number): void {
  patience = milliseconds
}

/** A thread looks at a taken stop word SPINS times, then sleeps SLEEP_MS milliseconds between two looks. */
const SPINS = 100
const SLEEP_MS = 1

const sleepers = new Int32Array(new SharedArrayBuffer(4))

/** The stop words that this thread has written and not cleared yet, by their positions in the region. */
const leases = new WeakMap<PortableRegion, Map<number, bigint>>()

function leasesOf(region: PortableRegion): Map<number, bigint> {
  const known = leases.get(region) ?? new Map<number, bigint>()
  leases.set(region, known)
  return known
}

/** The word with which this thread stops a shard: its name, and a lease that begins now. */
function leasedWord(): bigint {
  return ownerWord(portableThread(), leaseFrom(now()))
}

function isOwn(word: bigint): boolean {
  return BigInt.asUintN(32, word) === BigInt(portableThread())
}

/** Whether the owner in a stop word has ended. A portable owner always has a lease; a word without one is damaged. */
function isAbandoned(word: bigint): boolean {
  const owner = readOwnerWord(word)
  // This thread has stopped the shard itself, perhaps through another object. Once its lease is over, the word is a left-over.
  if (isOwn(word)) return !isLeaseRunning(owner.high, now())
  const isAlive = isOwnerAlive(owner)
  return isAlive === false || (isAlive === undefined && owner.kind === 'portable')
}

/** Makes this thread the owner of a shard whose stop word is number `i` of it; see `stop_shard()`. */
export function stopShard(region: PortableRegion, shard: number, i: number): Status {
  // Sections write this shard, and the portable backend cannot end a section that runs.
  if (region.writers === Writers.sections && shard < region.shards) return Status.unfenceable
  const position = at(region, shard, i)
  const end = now() + patience
  for (let turn = 0; ; turn++) {
    const mine = leasedWord()
    const seen = Atomics.compareExchange(region.words, position, 0n, mine)
    // Finding out whether the owner lives takes long, and most owners let go earlier. So this thread spins first.
    const isLeft = seen !== 0n && (turn >= SPINS || isOwn(seen)) && isAbandoned(seen)
    if (seen === 0n || (isLeft && Atomics.compareExchange(region.words, position, seen, mine) === seen)) {
      leasesOf(region).set(position, mine)
      return Status.ok
    }
    if (!isLeft && isOwn(seen)) return Status.heldAlready
    if (turn >= SPINS) {
      if (now() > end) return Status.contended
      Atomics.wait(sleepers, 0, 0, SLEEP_MS)
    }
  }
}

/** Whether this thread owns the shard. Renews the lease if so. */
export function ownsShard(region: PortableRegion, shard: number, i: number): boolean {
  const position = at(region, shard, i)
  const held = leasesOf(region)
  const mine = held.get(position)
  if (mine === undefined) return false
  const renewed = leasedWord()
  const owns = Atomics.compareExchange(region.words, position, mine, renewed) === mine
  if (owns) held.set(position, renewed)
  else held.delete(position)
  return owns
}

/** Owns a shard while it calls `act`. Returns the result of `act`, or a negated {@link Status} if it cannot own the shard. */
export function asOwner(region: PortableRegion, shard: number, i: number, act: () => number): number {
  const status = stopShard(region, shard, i)
  // This thread owns the shard already and is between two calls on it, so it may act at once.
  if (status === Status.heldAlready) return act()
  if (status !== Status.ok) return -status
  const answer = act()
  resumeShard(region, shard, i)
  return answer
}

/** Ends this thread's ownership of a shard; `notOwner` if it has none. */
export function resumeShard(region: PortableRegion, shard: number, i: number): Status {
  const position = at(region, shard, i)
  const held = leasesOf(region)
  const mine = held.get(position)
  held.delete(position)
  if (mine === undefined || Atomics.compareExchange(region.words, position, mine, 0n) !== mine) {
    return Status.notOwner
  }
  return Status.ok
}
