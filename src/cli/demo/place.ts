/**
 * The directory that the demo's processes share, and what is in it.
 *
 * @module
 */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { checkCanShare, mapFile } from '../../runtime/mapping.js'
import { type SharedDirectory, openShared } from '../../shared/index.js'
import type { PerCpuCounter } from '../../index.js'
import { ledgerBytes } from './ledger.js'

const SERVICE = 'demo'
const NOTES = 'notes'
/** The number in its process of the service that the process joined first: the demo's joins no other. */
const FIRST_SERVICE = 1

/** Joins the service of the demo. */
export function joinPlace(directory: string): SharedDirectory {
  return openShared(SERVICE, { directory })
}

/** The counter to which all processes add. */
export function openCounter(shop: SharedDirectory): PerCpuCounter {
  return shop.counter('additions')
}

/** The counter of the events that a process has recorded. */
export function openConfirmed(shop: SharedDirectory): PerCpuCounter {
  return shop.counter('confirmed')
}

/** The memory of the ledger, which all processes share. The process must have joined the service. */
export function mapNotes(directory: string, seats: number): SharedArrayBuffer {
  const path = join(directory, NOTES)
  const bytes = ledgerBytes(seats)
  const file = openSync(path, 'a+', 0o600)
  try {
    ftruncateSync(file, bytes)
    return mapFile(file, path, bytes, FIRST_SERVICE)
  } finally {
    closeSync(file)
  }
}

/** Removes the directory of the demo, in which others may still make files. */
function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
}

/** In a child process: ends it when the parent has ended, in whatever way, and removes what the parent could not. */
export function endWithParent(directory: string): void {
  process.on('disconnect', () => {
    process.exit()
  })
  process.on('exit', () => {
    if (!process.connected) removeDirectory(directory)
  })
  // The parent may have ended while this process started.
  if (!process.connected) process.exit()
}

/** In a child process: sends the parent a message, unless that has ended. */
export function tellParent(message: string | number): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

/** A directory of the demo's own, with the service in it. */
export class Place {
  readonly directory: string
  readonly shop: SharedDirectory
  readonly #remove = (): void => {
    removeDirectory(this.directory)
  }

  /** @throws Error with the reason if memory cannot be shared here. */
  constructor(parent: string) {
    checkCanShare()
    this.directory = mkdtempSync(join(parent, 'rseq-demo-'))
    process.on('exit', this.#remove)
    try {
      this.shop = joinPlace(this.directory)
    } catch (error) {
      this.remove()
      throw error
    }
  }

  /** Removes all of it. */
  remove(): void {
    process.off('exit', this.#remove)
    this.#remove()
  }
}
