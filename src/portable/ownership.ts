/**
 * Owning a shard without the addon: the twin of `native/percpu/remote.cc`, which draws the stop word.
 *
 * JavaScript cannot ask whether a thread lives, and a Worker may be terminated between any two calls. So an owner here
 * holds a lease, which ends by itself, and the next takes over; the owner renews it with every operation.
 *
 * @module
 */
import { threadId } from 'node:worker_threads'
import { Status, Writers } from '../layout.js'
import { type PortableRegion, at } from './region.js'

const LEASE_MS = 2000
const PATIENCE_MS = 10_000
/** Looks at the word before the first sleep, and the sleep between two looks after them. */
const SPINS = 100
const SLEEP_MS = 1

const LEASE_SHIFT = 32n
const LEASE_MASK = 0x7fffffff
/** This thread in the low half of a stop word; 0 is nobody. */
const ME = BigInt(threadId + 1)

const sleepers = new Int32Array(new SharedArrayBuffer(4))

/** The stop words that this thread has written and not taken back: by position, for each region's memory. */
const leases = new WeakMap<PortableRegion, Map<number, bigint>>()

function leasesOf(region: PortableRegion): Map<number, bigint> {
  const known = leases.get(region) ?? new Map<number, bigint>()
  leases.set(region, known)
  return known
}

/** The clock that all threads share, the native ones too. */
function now(): number {
  return Number(process.hrtime.bigint() / 1_000_000n)
}

function leaseFromNow(): bigint {
  // 0 would say that the owner is a kernel thread.
  const end = (now() + LEASE_MS) & LEASE_MASK || 1
  return (BigInt(end) << LEASE_SHIFT) | ME
}

/** Whether the lease in the word has ended. A kernel thread has none: only the native backend can tell of it. */
function isAbandoned(word: bigint): boolean {
  const end = Number((word >> LEASE_SHIFT) & BigInt(LEASE_MASK))
  const left = (end - now()) & LEASE_MASK
  return end !== 0 && (left === 0 || left > LEASE_MS)
}

/** Makes this thread the owner of a shard whose stop word is number `i` of it; see `stop_shard()`. */
export function stopShard(region: PortableRegion, shard: number, i: number): Status {
  // Sections write it, and nothing here can end one.
  if (region.writers === Writers.sections && shard < region.shards) return Status.unfenceable
  const position = at(region, shard, i)
  const end = now() + PATIENCE_MS
  for (let turn = 0; ; turn++) {
    const mine = leaseFromNow()
    const seen = Atomics.compareExchange(region.words, position, 0n, mine)
    if (
      seen === 0n ||
      (isAbandoned(seen) && Atomics.compareExchange(region.words, position, seen, mine) === seen)
    ) {
      leasesOf(region).set(position, mine)
      return Status.ok
    }
    if (BigInt.asUintN(32, seen) === ME && !isAbandoned(seen)) return Status.heldAlready
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
  const renewed = leaseFromNow()
  const owns = Atomics.compareExchange(region.words, position, mine, renewed) === mine
  if (owns) held.set(position, renewed)
  else held.delete(position)
  return owns
}

/** Acts on a shard that is this thread's alone for that: as `act` answers, or a {@link Status} below 0. */
export function asOwner(region: PortableRegion, shard: number, i: number, act: () => number): number {
  const status = stopShard(region, shard, i)
  // This thread owns the shard already, and is in between two calls on it.
  if (status === Status.heldAlready) return act()
  if (status !== Status.ok) return -status
  const answer = act()
  resumeShard(region, shard, i)
  return answer
}

/** Lets go of a shard. */
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
