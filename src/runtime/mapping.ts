/**
 * Files that processes share, mapped into SharedArrayBuffers.
 *
 * @module
 */
import { getSystemErrorMap } from 'node:util'
import { systemErrorText } from '../core/errors.js'
import type { SharedWay } from '../core/contract.js'
import { wayNumber } from '../core/service-files.js'
import { isNodeItself } from '../native/binary.js'
import type { NativeBinding, NativeClocks } from '../native/binding.js'
import { choice } from './backend.js'

/** How many milliseconds {@link lockFile} waits while another process has the lock. */
const LOCK_PATIENCE_MS = 10_000

/** Makes an error of the system like those of `node:fs`, with a `code` such as `ENOSPC`. */
export function systemError(what: string, errno: number): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`rseq: ${what}: ${systemErrorText(errno)}`)
  const code = getSystemErrorMap().get(-errno)?.[0]
  if (code !== undefined) error.code = code
  error.errno = -errno
  return error
}

/** The addon, which maps files. @throws Error with the reason if there is none. */
function addon(): NativeBinding {
  return choice.sharing().native
}

/** @throws Error with the reason if this process cannot share memory with others. */
export function checkCanShare(): void {
  addon()
}

/** How this process works on shared memory; null if it cannot share any. */
export function sharedWay(): SharedWay | null {
  try {
    return choice.sharing().way
  } catch {
    return null
  }
}

/**
 * Joins a service by its `processes` file: the process takes a slot there and keeps it until it dies.
 *
 * @param file - a descriptor of the file, which the caller has checked.
 * @param path - the path of the file.
 * @returns the service's number in this process.
 * @throws Error with a `code`: `EAGAIN` if all slots are taken, `EMFILE` if the process has joined 255 services.
 */
export function joinService(file: number, path: string, title: string): number {
  const { native, way } = choice.sharing()
  const texts = [Buffer.from(`${path}\0`), Buffer.from(`${title}\0`)] as const
  const service = native.joinService(file, ...texts, wayNumber(way))
  if (service > 0) return service
  const { EAGAIN = 0, EMFILE = 0 } = errnos()
  const why = new Map([
    [EAGAIN, 'all of its slots are taken by living processes'],
    [EMFILE, 'this process has joined 255 services already'],
  ]).get(-service)
  throw systemError(`cannot join the service of ${path}${why === undefined ? '' : ` (${why})`}`, -service)
}

/** The numbers of the system's errors, by their names. */
function errnos(): Record<string, number> {
  return Object.fromEntries([...getSystemErrorMap()].map(([errno, [name]]) => [name, -errno]))
}

/**
 * Lets other processes ask this one to fence itself, and this one ask them: maps the file `fences` and starts a thread that
 * sleeps until it is asked.
 *
 * @throws Error if the file cannot be mapped.
 */
export function serveFences(service: number, file: number, path: string): void {
  const errno = addon().serveFences(service, file)
  if (errno !== 0) throw systemError(`${path} cannot be mapped`, errno)
}

/** The slot of this process in a service; 0 if it has none, such as in a forked child when all slots are taken. */
export function serviceSlot(service: number): number {
  return addon().serviceSlot(service)
}

/** Whether a living process has the slot of a service. */
export function isSlotTaken(service: number, slot: number): boolean {
  return addon().isSlotTaken(service, slot)
}

/** The number in this process of the service whose processes share a buffer; 0 if none do. */
export function serviceOf(buffer: SharedArrayBuffer): number {
  return sharedWay() === null ? 0 : addon().serviceOf(new Uint8Array(buffer))
}

/** The 32 bits by which memory of a service names this process, as a signed number; 0 if the process has no slot. */
export function processNote(service: number): number {
  return addon().processNote(service)
}

/** Whether the process that a note names lives. Accepts every 32 bits. */
export function isNoteAlive(service: number, note: number): boolean {
  return addon().isNoteAlive(service, note >>> 0)
}

/**
 * Locks the first byte of a file until the descriptor is closed. Blocks the thread while another process has the lock.
 *
 * @throws Error if another process still has the lock after ten seconds.
 */
export function lockFile(file: number, path: string): void {
  lock(file, path, false)
}

function lock(file: number, path: string, isShared: boolean): void {
  const errno = addon().lockByte(file, 0, LOCK_PATIENCE_MS, isShared)
  if (errno !== 0) throw systemError(`${path} stayed locked for ten seconds by another process`, errno)
}

/**
 * Marks a file as used by this process: {@link isFileUsed} is true until the descriptor is closed and all buffers that
 * {@link mapFile} made with it are gone, also if the process is killed.
 *
 * @throws Error if another process has the file for itself for ten seconds.
 */
export function useFile(file: number, path: string): void {
  lock(file, path, true)
}

/** Takes a file that nobody uses for this descriptor alone, until it is closed. Returns false if somebody uses the file. */
export function takeUnusedFile(file: number): boolean {
  return addon().lockByte(file, 0, 0, false) === 0
}

/** Whether this or another process uses a file: see {@link useFile}. */
export function isFileUsed(file: number): boolean {
  return addon().isByteLocked(file, 0)
}

/** Whether this kernel allows a file to be allocated in parts, when they are needed: Linux 5.14 and later. */
export function allocatesLater(): boolean {
  return addon().allocatesLater()
}

/**
 * Returns how many more bytes this process may use within the limits of its cgroup and of all cgroups above it; Infinity if no
 * limit can be read: if none is set, or if the system uses cgroups of version 1.
 *
 * @param cgroups - the directory of the cgroup file system, if it is not the system's. For tests.
 * @param own - the file that names the cgroup of this process, if it is not the kernel's. Needed if `cgroups` is given.
 */
export function cgroupRoom(cgroups?: string, own?: string): number {
  if (cgroups === undefined || own === undefined) return addon().cgroupRoom()
  return addon().cgroupRoom(Buffer.from(`${cgroups}\0`), Buffer.from(`${own}\0`))
}

/** Makes a file at least `bytes` long and allocates its storage, so that stores to it cannot fail. Returns an errno or 0. */
export function allocateFile(file: number, bytes: number): number {
  return addon().allocateFile(file, BigInt(bytes))
}

/**
 * Maps the first bytes of a file into a buffer. All processes that map the file share these bytes. The buffer can be passed
 * to Workers like any other; the file is unmapped when no thread of this process has the buffer any more.
 *
 * @param bytes - how many bytes to map; the file has that size.
 * @param service - the number of the service that the memory belongs to.
 * @throws Error with the reason if the kernel or this runtime refuses.
 */
export function mapFile(file: number, path: string, bytes: number, service: number): SharedArrayBuffer {
  const buffer = addon().mapFile(file, BigInt(bytes), service, isNodeItself())
  if (buffer === null) {
    throw new Error(
      'rseq: this runtime takes no shared memory from a native library. Needed is Node 20, 22, 24 or 26 with the binary ' +
        'made for it, or a runtime with node_api_create_external_sharedarraybuffer (Node 22.23, 24.16, 26.1)',
    )
  }
  if (typeof buffer === 'number') throw systemError(`${path} cannot be mapped (${bytes} bytes)`, -buffer)
  return buffer
}

/** Over how many ticks the rate of the counter is measured: about a second. */
const RATE_TICKS = 1n << 32n

/** The clocks that stamp records and the wall clock, at one moment, and nanoseconds of a tick. */
export function readClocks(): NativeClocks & { readonly nsPerTick: number } {
  const { sampleClocks, timeOfTicks } = addon()
  const clocks = sampleClocks()
  const passed = timeOfTicks(clocks.ticks) - timeOfTicks(BigInt.asIntN(64, clocks.ticks - RATE_TICKS))
  return { ...clocks, nsPerTick: Number(passed) / Number(RATE_TICKS) }
}
