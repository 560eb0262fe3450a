/**
 * Owner words: 64-bit words of shared memory that name the thread that owns a lock or a shard. This is the TypeScript
 * counterpart of `native/percpu/owner.h`, which draws the word. Here a word is two unsigned halves of 32 bits.
 *
 * @module
 */

/** Which table lists a portable thread; see {@link ../portable/threads.ts}. */
export const Family = { main: 1, other: 2 } as const
export type Family = (typeof Family)[keyof typeof Family]

const PORTABLE = 1 << 30
const DIED = 1 << 31
const FAMILY_SHIFT = 28
const THREAD_MASK = 0xfffffff
const SLOT_MASK = 0xffff
const LOW_GENERATION_MASK = 0x3fff0000
const LOW_GENERATION_SHIFT = 16
const LOW_GENERATION_BITS = 14
const HIGH_GENERATION_MASK = 0x3ff
/** The position of the check in the upper half. */
export const CHECK_SHIFT = 10
const HIGH_MASK = 0xfffff
const HALF = 32n

/** How long a lease runs, in milliseconds. */
export const LEASE_MS = 2000
const LEASE_UNIT_MS = 8

/** The lower half of a portable thread's owner word. The upper half is the lease in a stop word, and 0 in a lock. */
export function portableOwner(family: Family, threadId: number): number {
  return PORTABLE | (family << FAMILY_SHIFT) | ((threadId + 1) & THREAD_MASK)
}

/** The decoded form of an owner word. It does not say whether the owner still lives. */
export interface OwnerWord {
  readonly low: number
  readonly high: number
  /** Null if no thread can have written the word. */
  readonly kind: 'native' | 'portable' | null
  /** The {@link Family} of a portable owner. */
  readonly family: number
}

/** The slot and the generation of a native owner in its table of owners, and the check that fits both. */
export interface NativeOwner {
  readonly slot: number
  readonly generation: number
  readonly check: number
}

/** Decodes a native thread's owner word: see `owner_of` in `native/percpu/owner.cc`. */
export function nativeOwner(low: number, high: number): NativeOwner {
  const slot = low & SLOT_MASK
  const generation =
    ((high & HIGH_GENERATION_MASK) << LOW_GENERATION_BITS) |
    ((low & LOW_GENERATION_MASK) >>> LOW_GENERATION_SHIFT)
  const check = (Math.imul(slot, 0x9e3779b1) ^ Math.imul(generation, 0x85ebca77)) >>> 22 || 1
  return { slot, generation, check }
}

function isNativeOwner(low: number, high: number): boolean {
  const { slot, generation, check } = nativeOwner(low, high)
  return slot !== 0 && generation !== 0 && high >>> CHECK_SHIFT === check
}

function kindOf(low: number, high: number): OwnerWord['kind'] {
  // Unused high bits must be 0, and no owner has the bit that marks a lock whose owner died.
  if ((high & ~HIGH_MASK) !== 0 || (low & DIED) !== 0) return null
  if ((low & PORTABLE) !== 0) return (low & THREAD_MASK) === 0 ? null : 'portable'
  return isNativeOwner(low, high) ? 'native' : null
}

/** Decodes an owner word. */
export function readOwner(low: number, high: number): OwnerWord {
  const family = (low >>> FAMILY_SHIFT) & 3
  const kind = kindOf(low, high)
  const isKnown = kind !== 'portable' || family === Family.main || family === Family.other
  return { low: low >>> 0, high: high >>> 0, kind: isKnown ? kind : null, family }
}

/** Decodes an owner word that is one 64-bit integer. */
export function readOwnerWord(word: bigint): OwnerWord {
  return readOwner(Number(BigInt.asUintN(32, word)), Number(BigInt.asUintN(32, word >> HALF)))
}

/** The upper half of a stop word whose lease begins `now`, in milliseconds of the clock that all threads share. */
export function leaseFrom(now: number): number {
  // 0 means that there is no lease.
  return (Math.floor(now / LEASE_UNIT_MS) + LEASE_MS / LEASE_UNIT_MS) & HIGH_MASK || 1
}

/** Whether a lease still runs: it ends after `now` and at most {@link LEASE_MS} later. */
export function isLeaseRunning(lease: number, now: number): boolean {
  const left = (lease - Math.floor(now / LEASE_UNIT_MS)) & HIGH_MASK
  return left !== 0 && left <= LEASE_MS / LEASE_UNIT_MS
}

/** Joins the halves of an owner word. */
export function ownerWord(low: number, high: number): bigint {
  return (BigInt(high) << HALF) | BigInt(low >>> 0)
}
