/**
 * The list of files to count. It is in shared memory, so all threads read one copy.
 *
 * @module
 */
import { type Dirent, readdirSync, statSync } from 'node:fs'
import { getSystemErrorMap } from 'node:util'

/** A path that was not counted, and the reason. */
export interface Failure {
  path: string
  reason: string
}

/** The memory that other threads need to open a {@link FileList}. */
export interface SharedFileList {
  readonly length: number
  readonly names: SharedArrayBuffer
  readonly ends: SharedArrayBuffer
}

/** Returns a larger copy of shared memory, of at least `least` bytes. */
function enlarged(buffer: SharedArrayBuffer, least: number): SharedArrayBuffer {
  const larger = new SharedArrayBuffer(Math.max(least, 2 * buffer.byteLength))
  new Uint8Array(larger).set(new Uint8Array(buffer))
  return larger
}

/**
 * A list of paths, kept as bytes because names need not be UTF-8. One thread writes the list before
 * the other threads open it.
 */
export class FileList {
  #length = 0
  #names: Buffer
  /** The offset in the names where each path ends and the next begins. A double can hold any offset. */
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

  /** Returns a copy of path `i`, because some calls accept no path in shared memory. */
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

/** Returns the system's text for an error of a file operation. */
export function failureReason(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException
  return (errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]) ?? message
}

const SLASH = Buffer.from('/')

/** Adds the regular files below a directory to the list. Does not follow symbolic links in it. */
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
 * Lists the files to count. An argument names a file, directly or by a symbolic link, or a directory
 * whose regular files at any depth are counted. A file that is named twice is listed twice.
 */
export function listFiles(operands: readonly string[], failures: Failure[]): FileList {
  const files = new FileList()
  for (const operand of operands) {
    const reason = listOperand(operand, files, failures)
    if (reason !== null) failures.push({ path: operand, reason })
  }
  return files
}

/** Lists an operand. Returns null, or the reason why the operand cannot be counted. */
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
