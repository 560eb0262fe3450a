/**
 * Reads files by system calls. Nothing is mapped or opened for writing, so a file that is truncated meanwhile is an error and
 * no signal.
 *
 * @module
 */
import { type Stats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

/** The most bytes that one call reads. */
export const MOST_READ = 2 ** 26

/** The most bytes that are read at once because earlier reads went so far. */
export const MOST_WINDOW = 2 ** 15

/** Why an object cannot be read. Its message follows the name of the object. */
export class Unreadable extends Error {}

/** A file that is open for reading. */
export class FileView {
  readonly #file: number
  #stats: Stats
  /** The first bytes of the file, while {@link through} runs. */
  #window: Buffer | undefined
  /** Up to where the reads went that a window can serve. */
  #reach = 0

  /** @throws Unreadable if the path is a link or is no regular file; an error of `node:fs` if it cannot be opened. */
  constructor(path: string) {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
    // Windows has neither constant.
    this.#file = openSync(
      path,
      O_RDONLY | ((O_NOFOLLOW as number | undefined) ?? 0) | ((O_NONBLOCK as number | undefined) ?? 0),
    )
    try {
      this.#stats = fstatSync(this.#file)
      if (!this.#stats.isFile()) throw new Unreadable('is no regular file')
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** The status of the file when it was opened, or at the last {@link refresh}. */
  get stats(): Stats {
    return this.#stats
  }

  /** Asks for the status again. */
  refresh(): void {
    this.#stats = fstatSync(this.#file)
  }

  /**
   * Calls `use`, whose reads at the beginning of the file are served by one system call: as far as those of earlier calls went.
   *
   * @param window - memory for these bytes. What `read` returns within `use` may lie in it.
   */
  through<Result>(window: Buffer, use: () => Result): Result {
    try {
      const wanted = Math.min(this.#reach, window.length)
      if (wanted > 0) this.#window = window.subarray(0, readSync(this.#file, window, 0, wanted, 0))
      return use()
    } finally {
      this.#window = undefined
    }
  }

  /** Reads exactly `length` bytes. @throws Unreadable if there are fewer, or if these are too many for one read. */
  read(at: number, length: number): Buffer {
    const end = at + length
    if (this.#window !== undefined && end <= this.#window.length) return this.#window.subarray(at, end)
    if (end <= MOST_WINDOW) this.#reach = Math.max(this.#reach, end)
    if (length > MOST_READ)
      throw new Unreadable(`has ${length} bytes to read at once; the most is ${MOST_READ}`)
    // Not from Node's pool, whose buffers are not aligned.
    return this.#readInto(Buffer.from(new ArrayBuffer(length)), at)
  }

  #readInto(bytes: Buffer, at: number): Buffer {
    for (let done = 0; done < bytes.length;) {
      const count = readSync(this.#file, bytes, done, bytes.length - done, at + done)
      if (count === 0) throw new Unreadable(`ends after ${at + done} bytes: it was truncated`)
      done += count
    }
    return bytes
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** Calls `use` with a file, and closes the file. */
export function withFile<Result>(path: string, use: (file: FileView) => Result): Result {
  const file = new FileView(path)
  try {
    return use(file)
  } finally {
    file.close()
  }
}
