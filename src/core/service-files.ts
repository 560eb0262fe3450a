/**
 * The files of a service of processes that share memory: where its directory is, how the files of its objects are named, and
 * the layout of the file `processes`, which `native/percpu/service.h` draws.
 *
 * @module
 */
import type { SharedWay } from './contract.js'

/** The default parent directory of services. */
export const SHM = '/dev/shm'
/** The prefix of the name of a service's directory. */
export const SERVICE_PREFIX = 'rseq.'
/** The unit of `blocks` of a file's status, in bytes. */
export const STATUS_BLOCK = 512

/** The number of digits of a generation. */
export const GENERATION_DIGITS = 8
/** Files of any kind: a later release may have more kinds. */
const OBJECT_FILE = new RegExp(
  `^(.+)\\.([A-Za-z]+)\\.([0-9a-f]{${GENERATION_DIGITS}})(?:\\.(retiring|retired)([0-9]{1,15}))?$`,
)

/** The name of an object's file, in its parts. */
export interface FileName {
  readonly name: string
  readonly kind: string
  readonly generation: string
  /** Null unless the generation was retired; `src/shared/generations.ts` says what is in such a file. */
  readonly retired: { readonly state: 'retiring' | 'retired'; readonly number: number } | null
}

/** Splits the name of an object's file; returns undefined if the file is not one of an object. */
export function partsOf(file: string): FileName | undefined {
  const [, name, kind, generation, state, number] = OBJECT_FILE.exec(file) ?? []
  if (name === undefined || kind === undefined || generation === undefined) return undefined
  const retired =
    state === undefined ? null : { state: state as 'retiring' | 'retired', number: Number(number) }
  return { name, kind, generation, retired }
}

/** The name of the file that lists the processes of a service. */
export const PROCESSES = 'processes'
/** The name of the file by which processes ask each other for fences: `native/percpu/fence_rows.h` has its layout. */
export const FENCES = 'fences'
/** The name of the file with samples of the clocks. */
export const CLOCK = 'clock'
/** The temporary name of a new object's file. A lock ensures that one process at a time makes an object. */
export const CREATING = 'creating'
/** The temporary name of a file with the totals of retired ones. */
export const COMPACTING = 'compacting'
/** The prefix of the temporary names under which `processes` files are made. */
export const STARTING = 'starting-'

/** Whether a file of this name belongs to the layout of a service. */
export function isServiceFile(file: string): boolean {
  const own: readonly string[] = [PROCESSES, FENCES, CLOCK, CREATING, COMPACTING]
  return own.includes(file) || file.startsWith(STARTING) || partsOf(file) !== undefined
}

/** How many processes a service may have. Slot 0 of the file is its head. */
export const SLOTS = 1023
export const SLOT_BYTES = 128
export const PROCESSES_BYTES = (SLOTS + 1) * SLOT_BYTES
export const FENCES_BYTES = (SLOTS + 1) * 16

/** How a process works on shared memory: the numbers of `Way` in `native/percpu/service.h` are the positions here. */
const WAYS: readonly SharedWay[] = ['unknown', 'fast', 'napi', 'atomics']

/** Returns the number of a way. */
export function wayNumber(way: SharedWay): number {
  return WAYS.indexOf(way)
}

const MAGIC = 0x50515352
const VERSION = 1
/** Byte offsets in the head. Only native code uses `lastTaken`, the number of the slot that was taken last. */
const Head = { magic: 0, version: 4, slots: 8, slotBytes: 12, lastTaken: 16, identity: 64 } as const
export const IDENTITY_BYTES = SLOT_BYTES - Head.identity
const Slot = { pid: 0, way: 4, generation: 8, taken: 16, title: 32 } as const
const NS_PER_MS = 1_000_000n
/** The latest time that a Date can have, in milliseconds. */
const LATEST = 8.64e15

/** Returns a text in UTF-8 that is followed by zeros or by the end of its field. */
export function paddedText(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end)
}

/** Returns the head of a new file. */
export function newHead(identity: string): Buffer {
  const head = Buffer.alloc(SLOT_BYTES)
  head.writeUInt32LE(MAGIC, Head.magic)
  head.writeUInt32LE(VERSION, Head.version)
  head.writeUInt32LE(SLOTS, Head.slots)
  head.writeUInt32LE(SLOT_BYTES, Head.slotBytes)
  head.write(identity, Head.identity, IDENTITY_BYTES)
  return head
}

/** Returns what is wrong with a file that begins with `head`, to follow its name; undefined if its slots can be read. */
export function headProblem(head: Buffer): string | undefined {
  const word = (at: number): number => head.readUInt32LE(at)
  if (word(Head.magic) !== MAGIC) return 'was not made by rseq, or was overwritten'
  const version = word(Head.version)
  if (version === VERSION && word(Head.slots) === SLOTS && word(Head.slotBytes) === SLOT_BYTES)
    return undefined
  return `has another layout than this release of rseq uses (version ${version})`
}

/** Returns the identity of the service, from the head of the file. */
export function identityOf(head: Buffer): string {
  return paddedText(head.subarray(Head.identity, SLOT_BYTES))
}

/** A slot of the file: the process that has or had it. */
export interface ProcessSlot {
  readonly slot: number
  readonly pid: number
  /** How often the slot was taken. */
  readonly generation: number
  readonly way: SharedWay
  readonly title: string
  readonly since: Date
}

/** Reads a slot, 1 to {@link SLOTS}, from the bytes of the file; undefined if no process ever had it. */
export function readSlot(bytes: Buffer, slot: number): ProcessSlot | undefined {
  const at = slot * SLOT_BYTES
  const generation = Number(bytes.readBigUInt64LE(at + Slot.generation))
  if (generation === 0) return undefined
  const taken = Number(bytes.readBigUInt64LE(at + Slot.taken) / NS_PER_MS)
  return {
    ...{ slot, generation, pid: bytes.readUInt32LE(at + Slot.pid) },
    way: WAYS[bytes.readUInt32LE(at + Slot.way)] ?? 'unknown',
    title: paddedText(bytes.subarray(at + Slot.title, at + SLOT_BYTES)),
    since: new Date(Math.min(taken, LATEST)),
  }
}
