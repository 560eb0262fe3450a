/**
 * The processes of a service, from its file `processes` and, for who lives, from the kernel's list of locks.
 *
 * @module
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import {
  PROCESSES,
  PROCESSES_BYTES,
  SLOTS,
  SLOT_BYTES,
  headProblem,
  identityOf,
  readSlot,
} from '../core/service-files.js'
import { FileView, Unreadable } from './file.js'
import { lockedBytes, lockList } from './locks.js'
import type { ProcessSnapshot } from './snapshot.js'

/** The processes of a service. */
export interface Processes {
  readonly identity: string
  readonly processes: readonly ProcessSnapshot[]
}

/** Text for people, without the control characters that could steer a terminal. */
export function plainText(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
}

type SeenSlot = Omit<ProcessSnapshot, 'living'>

/** Returns the slots that were taken at least once. @throws Unreadable if the file is damaged or has another layout. */
function decode(bytes: Buffer): SeenSlot[] {
  const problem = headProblem(bytes)
  if (problem !== undefined) throw new Unreadable(problem)
  return Array.from({ length: SLOTS }, (_, k) => readSlot(bytes, k + 1))
    .filter((slot) => slot !== undefined)
    .map((slot) => ({ ...slot, title: plainText(slot.title), since: slot.since.toISOString() }))
}

/** The file `processes` of a service, which is read again and again. */
export class ProcessesFile {
  readonly #file: FileView
  #bytes: Buffer | undefined
  #seen: readonly SeenSlot[] = []

  /** @throws Unreadable if it is no regular file; an error of `node:fs` if there is none. */
  constructor(directory: string) {
    this.#file = new FileView(join(directory, PROCESSES))
  }

  /** @throws Unreadable if the file is damaged or has another layout. */
  read(): Processes {
    const { size } = this.#file.stats
    if (size !== PROCESSES_BYTES) throw new Unreadable(`has ${size} bytes instead of ${PROCESSES_BYTES}`)
    const bytes = this.#file.read(0, size)
    if (this.#bytes?.equals(bytes) !== true) {
      this.#seen = decode(bytes)
      this.#bytes = bytes
    }
    const locks = lockList()
    const locked = locks === null ? null : lockedBytes(locks, this.#file.stats)
    const processes = this.#seen.map((slot) => ({
      ...slot,
      living: locked === null ? null : locked.has(slot.slot * SLOT_BYTES),
    }))
    return { identity: plainText(identityOf(bytes)), processes }
  }

  /** Whether the file still has its name. */
  isThere(directory: string): boolean {
    return statSync(join(directory, PROCESSES), { throwIfNoEntry: false })?.ino === this.#file.stats.ino
  }

  close(): void {
    this.#file.close()
  }
}
