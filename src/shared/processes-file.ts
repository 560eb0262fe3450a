/**
 * The file `processes` of a service, which lists the processes that take part in it. `core/service-files.ts` has its
 * layout.
 *
 * @module
 */
import { closeSync, fstatSync, readSync, writeSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { basename, join } from 'node:path'
import {
  PROCESSES,
  PROCESSES_BYTES,
  SLOT_BYTES,
  headProblem,
  identityOf,
  newHead,
  readSlot,
  STARTING,
} from '../core/service-files.js'
import { isSlotTaken, joinService } from '../runtime/mapping.js'
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
}

/** Reads the first `length` bytes of a file; fewer if the file is shorter. */
function readFirst(file: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readSync(file, bytes, 0, length, 0))
}

/** @throws Error if the file is damaged, has another layout, or belongs to a service with another identity. */
function check(file: number, path: string, identity: string): void {
  const { size } = fstatSync(file)
  if (size !== PROCESSES_BYTES) {
    throw new Error(
      `rseq: ${path}: expected a file of ${PROCESSES_BYTES} bytes, got one of ${size}: it was truncated, or rseq did not make it`,
    )
  }
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

function make(path: string, identity: string): void {
  const temporary = `${STARTING}${process.pid}-${randomBytes(8).toString('hex')}`
  try {
    const head = newHead(identity)
    makeFile(path, temporary, PROCESSES_BYTES, PROCESSES_BYTES, (file) =>
      writeSync(file, head, 0, SLOT_BYTES, 0),
    )
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

/**
 * Opens the `processes` file of a service and returns its descriptor, which the caller closes. Makes the file if it does
 * not exist.
 *
 * @throws Error if the file is damaged, has another layout, or belongs to a service with another identity.
 */
export function openProcesses(directory: string, identity: string, trustOtherUsers: boolean): number {
  const path = join(directory, PROCESSES)
  let file = openFile(path, trustOtherUsers)
  if (file === undefined) {
    make(path, identity)
    file = openFile(path, trustOtherUsers)
    if (file === undefined) throw new Error(`rseq: ${path} was removed while this process opened it`)
  }
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

/** Returns the living processes of a service in the order of their slots. */
export function livingProcesses(file: number, service: number): SharedProcess[] {
  const bytes = readFirst(file, PROCESSES_BYTES)
  const found: SharedProcess[] = []
  for (let slot = 1; (slot + 1) * SLOT_BYTES <= bytes.length; slot++) {
    const one = readSlot(bytes, slot)
    if (one === undefined || !isSlotTaken(service, slot)) continue
    const { pid, title, since } = one
    found.push({ slot, pid, title, since })
  }
  return found
}
