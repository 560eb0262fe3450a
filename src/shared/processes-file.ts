/**
 * The file `processes` of a service, which lists the processes that take part in it. `core/service-files.ts` has its
 * layout.
 *
 * @module
 */
import type { SharedWay } from '../core/contract.js'
import { closeSync, fstatSync, readSync, writeSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { basename, join } from 'node:path'
import {
  FENCES,
  FENCES_BYTES,
  PROCESSES,
  PROCESSES_BYTES,
  SLOT_BYTES,
  headProblem,
  identityOf,
  newHead,
  readSlot,
  STARTING,
} from '../core/service-files.js'
import { allocateFile, isSlotTaken, joinService, serveFences, systemError } from '../runtime/mapping.js'
import { isError, makeFile, openFile } from './files.js'

/** A process that takes part in a service. */
export interface SharedProcess {
  /** Its slot, 1 to 1,023: the process bits of the words that its threads own. */
  readonly slot: number
  /** Its process id in its own PID namespace, which may differ from its id in the namespace of this process. */
  readonly pid: number
  /** Its process title, and the name of its script, at the time when it joined. */
  readonly title: string
  /** The time when it joined the service. */
  readonly since: Date
  /** How it works on the memory. */
  readonly way: SharedWay
}

/** Reads the first `length` bytes of a file; fewer if the file is shorter. */
function readFirst(file: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readSync(file, bytes, 0, length, 0))
}

function checkSize(file: number, path: string, bytes: number): void {
  const { size } = fstatSync(file)
  if (size === bytes) return
  throw new Error(
    `rseq: ${path}: expected a file of ${bytes} bytes, got one of ${size}: it was truncated, or rseq did not make it`,
  )
}

/** @throws Error if the file is damaged, has another layout, or belongs to a service with another identity. */
function check(file: number, path: string, identity: string): void {
  checkSize(file, path, PROCESSES_BYTES)
  const head = readFirst(file, SLOT_BYTES)
  const problem = headProblem(head)
  if (problem !== undefined) throw new Error(`rseq: ${path} ${problem}`)
  const found = identityOf(head)
  if (found !== identity) {
    const [is, wanted] = [JSON.stringify(found), JSON.stringify(identity)]
    throw new Error(
      `rseq: ${path} is of a service with the identity ${is}, and this process asked for ${wanted}`,
    )
  }
}

function make(path: string, bytes: number, head: Buffer): void {
  const temporary = `${STARTING}${process.pid}-${randomBytes(8).toString('hex')}`
  try {
    makeFile(path, temporary, bytes, bytes, (file) => writeSync(file, head, 0, head.length, 0))
  } catch (error) {
    // ENOENT: another process has made the file, and has removed this process's temporary file, which is not needed now.
    if (!isError(error, 'ENOENT')) throw error
  }
}

/** Returns the title that this process writes into its slot. */
function ownTitle(): string {
  const script = process.argv[1]
  return script === undefined ? process.title : `${process.title} ${basename(script)}`
}

/** Opens a file that all processes have. The first one makes it, with `head` at its beginning and zeros behind. */
function openOrMake(path: string, bytes: number, head: () => Buffer, trustOtherUsers: boolean): number {
  const existing = openFile(path, trustOtherUsers)
  if (existing !== undefined) return existing
  make(path, bytes, head())
  const made = openFile(path, trustOtherUsers)
  if (made === undefined) throw new Error(`rseq: ${path} was removed while this process opened it`)
  return made
}

/**
 * Lets processes ask each other for fences, by the file `fences`.
 *
 * @throws Error if the file cannot be used, or has no room.
 */
export function joinFences(directory: string, service: number, trustOtherUsers: boolean): void {
  const path = join(directory, FENCES)
  const file = openOrMake(path, FENCES_BYTES, () => Buffer.alloc(0), trustOtherUsers)
  try {
    checkSize(file, path, FENCES_BYTES)
    const errno = allocateFile(file, FENCES_BYTES)
    if (errno !== 0) throw systemError(`${path} cannot get ${FENCES_BYTES} bytes`, errno)
    serveFences(service, file, path)
  } finally {
    closeSync(file)
  }
}

/**
 * Opens the `processes` file of a service, or makes it, and returns its descriptor, which the caller closes.
 *
 * @throws Error if the file is damaged, has another layout, or belongs to a service with another identity.
 */
export function openProcesses(directory: string, identity: string, trustOtherUsers: boolean): number {
  const path = join(directory, PROCESSES)
  const file = openOrMake(path, PROCESSES_BYTES, () => newHead(identity), trustOtherUsers)
  try {
    check(file, path, identity)
    return file
  } catch (error) {
    closeSync(file)
    throw error
  }
}

/** Takes a slot for this process, and returns the number that the service has in this process. */
export function takeSlot(file: number, directory: string): number {
  return joinService(file, join(directory, PROCESSES), ownTitle())
}

/** Returns the living processes by their slots. */
export function livingProcesses(file: number, service: number): SharedProcess[] {
  const bytes = readFirst(file, PROCESSES_BYTES)
  const found: SharedProcess[] = []
  for (let slot = 1; (slot + 1) * SLOT_BYTES <= bytes.length; slot++) {
    const one = readSlot(bytes, slot)
    if (one === undefined || !isSlotTaken(service, slot)) continue
    const { pid, title, since, way } = one
    found.push({ slot, pid, title, since, way })
  }
  return found
}
