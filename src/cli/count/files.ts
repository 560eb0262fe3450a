/**
 * The list of files to count, in shared memory: all threads read the one copy of it.
 *
 * @module
 */
import { type Dirent, readdirSync, statSync } from 'node:fs'
import { getSystemErrorMap } from 'node:util'

/** Something that was not counted, and why. */
export interface Failure {
  path: string
  reason: string
}

/** What other threads need to open a {@link FileList}. */
export interface SharedFileList {
  readonly length: number
  readonly names: SharedArrayBuffer
  readonly ends: SharedArrayBuffer
}

/** Copies shared memory into a larger piece. */
function enlarged(buffer: SharedArrayBuffer, least: number): SharedArrayBuffer {
  const larger = new SharedArrayBuffer(Math.max(least, 2 * buffer.byteLength))
  new Uint8Array(larger).set(new Uint8Array(buffer))
  return larger
}

/**
 * A list of paths, as the bytes that the system knows them by: names need not be UTF-8. Written by
 * one thread before the others open it.
 */
export class FileList {
  #length = 0
  #names: Buffer
  /** Where each path ends in the names, and the next begins. A double can hold any size of memory. */
  #ends: Float64Array

  constructor(shared?: SharedFileList) {
    this.#length = shared?.length ?? 0
    this.#names = Buffer.from(shared?.names ?? new SharedArrayBuffer(64 * 1024))
    this.#ends = new Float64Array(shared?.ends ?? new SharedArrayBuffer(8 * 1024))
  }

  get length(): number {
    return this.#length
  }

  get shared(): SharedFileList {
    return {
      length: this.#length,
      names: this.#names.buffer as unknown as SharedArrayBuffer,
      ends: this.#ends.buffer as unknown as SharedArrayBuffer,
    }
  }

  /** Path `i`, a copy: not every call that takes a path takes shared memory. */
  path(i: number): Buffer {
    return Buffer.from(this.#names.subarray(this.#endBefore(i), this.#ends[i]))
  }

  append(path: Buffer): void {
    const start = this.#endBefore(this.#length)
    const end = start + path.length
    if (end > this.#names.length) this.#names = Buffer.from(enlarged(this.shared.names, end))
    if (this.#length === this.#ends.length) this.#ends = new Float64Array(enlarged(this.shared.ends, 0))
    this.#names.set(path, start)
    this.#ends[this.#length++] = end
  }

  #endBefore(i: number): number {
    return i === 0 ? 0 : (this.#ends[i - 1] as number)
  }
}

/** The system's words for an error of a file operation. */
export function failureReason(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException
  return (errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]) ?? message
}

const SLASH = Buffer.from('/')

/** Lists the regular files below a directory; symbolic links in it are not followed. */
function listDirectory(root: Buffer, files: FileList, failures: Failure[]): void {
  const waiting = [root]
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    let entries: Dirent<Buffer>[]
    try {
      entries = readdirSync(directory, { withFileTypes: true, encoding: 'buffer' })
    } catch (error) {
      failures.push({ path: directory.toString(), reason: failureReason(error) })
      continue
    }
    const prefix = directory.at(-1) === SLASH[0] ? directory : Buffer.concat([directory, SLASH])
    for (const entry of entries) {
      const path = Buffer.concat([prefix, entry.name])
      if (entry.isFile()) files.append(path)
      else if (entry.isDirectory()) waiting.push(path)
    }
  }
}

/**
 * Lists what the arguments name: files, also by a symbolic link and as often as they are named; and
 * of directories, the regular files at any depth.
 */
export function listFiles(operands: readonly string[], failures: Failure[]): FileList {
  const files = new FileList()
  for (const operand of operands) {
    const reason = listOperand(operand, files, failures)
    if (reason !== null) failures.push({ path: operand, reason })
  }
  return files
}

/** Why the operand cannot be counted; null if it was listed. */
function listOperand(operand: string, files: FileList, failures: Failure[]): string | null {
  if (operand === '-') return 'standard input is not counted; a file of that name is ./-'
  const path = Buffer.from(operand)
  try {
    const status = statSync(path)
    if (status.isDirectory()) listDirectory(path, files, failures)
    else if (status.isFile()) files.append(path)
    else return 'neither a regular file nor a directory'
  } catch (error) {
    return failureReason(error)
  }
  return null
}
