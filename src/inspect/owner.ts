/**
 * Says whom an owner word in memory that processes share names, and who holds a block of a pool; `native/percpu/owner.h`,
 * `service.h` and `holder.h` describe the words.
 *
 * @module
 */
import { LockState } from '../core/layout.js'
import { CHECK_SHIFT, nativeOwner } from '../core/owner.js'
import type { HolderSnapshot, OwnerSnapshot, ProcessSnapshot } from './snapshot.js'

const PROCESS_SHIFT = 20
const CHECK_MASK = 0x3ff
const NOTE_SLOT_BITS = 10
const NOTE_CHECK_SHIFT = 24
const NOTE_GENERATION_MASK = 2 ** (NOTE_CHECK_SHIFT - NOTE_SLOT_BITS) - 1

/** Finds the process of a slot. */
export type ProcessOf = (slot: number) => ProcessSnapshot | undefined

/** Decodes the owner word of two halves of 32 bits; null if nobody owns it. */
export function ownerOf(low: number, high: number, processOf: ProcessOf): OwnerSnapshot | null {
  if ((low === 0 && high === 0) || (low === LockState.ownerDied >>> 0 && high === 0)) return null
  const slot = high >>> PROCESS_SHIFT
  const { slot: thread, generation, check } = nativeOwner(low, high)
  // The check of a word of a service is mixed with the generation of the process's slot.
  const taken = ((high >>> CHECK_SHIFT) & CHECK_MASK) ^ check
  const word = high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
  if (thread === 0 || generation === 0 || low >>> 30 !== 0) {
    return { word, slot: 0, thread: 0, generation: 0, living: null }
  }
  // A thread of a region that only one process uses.
  if (slot === 0) return { word, slot, thread, generation, living: null }
  const process = processOf(slot)
  const isSame = process !== undefined && (process.generation & CHECK_MASK) === taken
  return { word, slot, thread, generation, living: isSame ? process.living : false }
}

/** Decodes the note of a unit. The slot is 0 if no process has taken the unit, or if no process can have written the note. */
export function holderOf(note: number, processOf: ProcessOf): Omit<HolderSnapshot, 'count'> {
  const named = note & (2 ** NOTE_CHECK_SHIFT - 1)
  const slot = named & (2 ** NOTE_SLOT_BITS - 1)
  const check = Math.imul(named, 0x9e3779b1) >>> NOTE_CHECK_SHIFT || 1
  if (slot === 0 || note >>> NOTE_CHECK_SHIFT !== check) return { slot: 0, living: null }
  const process = processOf(slot)
  const isSame =
    process !== undefined && (process.generation & NOTE_GENERATION_MASK) === named >>> NOTE_SLOT_BITS
  return { slot, living: isSame ? process.living : false }
}
