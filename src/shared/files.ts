/**
 * Directories and files of a service. They are checked before they are used, and a new file appears only when it is complete.
 *
 * @module
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  statfsSync,
  unlinkSync,
} from 'node:fs'
import type { Stats } from 'node:fs'
import { constants as system } from 'node:os'
import { dirname, join } from 'node:path'
import { types } from 'node:util'
import { allocateFile, allocatesLater, cgroupRoom, systemError } from '../runtime/mapping.js'
import { SharedMemoryFullError, checkRoom, freeBytes } from './room.js'

/** The type that statfs reports for tmpfs. */
const TMPFS = 0x01021994
const OTHERS_MAY_WRITE = 0o022
const OWN_FILE = 0o600
const OWN_DIRECTORY = 0o700

/** Returns whether an error of `node:fs` has this code. Under Jest such an error is not an instance of the test's `Error`. */
export function isError(error: unknown, code: string): boolean {
  return types.isNativeError(error) && (error as NodeJS.ErrnoException).code === code
}

/** @throws Error if another user owns the file or may write to it. */
function checkOwner(path: string, { uid, mode }: Stats): void {
  const advice = "Check who made it; if that may be, give the option 'trustOtherUsers: true'"
  const own = process.geteuid?.() ?? uid
  if (uid !== own)
    throw new Error(`rseq: ${path} belongs to user ${uid}, and this process is user ${own}. ${advice}`)
  if ((mode & OTHERS_MAY_WRITE) !== 0) {
    const bits = (mode & 0o777).toString(8)
    throw new Error(`rseq: users other than its owner may write to ${path} (its mode is ${bits}). ${advice}`)
  }
}

/**
 * Checks the directory of a service. Makes it if it does not exist; its parent directory must exist.
 *
 * @throws Error if `path` is not a directory or is a link, if another user owns it or may write to it, or if it is not on
 *   tmpfs.
 */
export function useDirectory(path: string, trustOtherUsers: boolean): void {
  try {
    mkdirSync(path, { mode: OWN_DIRECTORY })
  } catch (error) {
    if (isError(error, 'ENOENT')) {
      throw new Error(`rseq: directory: expected one that exists, got ${dirname(path)}`, { cause: error })
    }
    if (!isError(error, 'EEXIST')) throw error
  }
  const stats = lstatSync(path)
  if (!stats.isDirectory()) throw new Error(`rseq: ${path}: expected a directory, and no link to one`)
  if (!trustOtherUsers) checkOwner(path, stats)
  if (statfsSync(path).type !== TMPFS) {
    throw new Error(
      `rseq: directory: expected one on tmpfs, such as /dev/shm, got ${dirname(path)}: ` +
        'on a disk, each store may wait until the disk has written the page',
    )
  }
}

/**
 * Opens a file of a service and returns its descriptor, which the caller closes. Returns undefined if the file does not
 * exist.
 *
 * @throws Error if `path` is not a regular file, or if another user owns it or may write to it.
 */
export function openFile(path: string, trustOtherUsers: boolean): number | undefined {
  let file: number
  try {
    file = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (isError(error, 'ENOENT')) return undefined
    if (isError(error, 'ELOOP'))
      throw new Error(`rseq: ${path}: expected a file, and it is a link`, { cause: error })
    throw error
  }
  try {
    const stats = fstatSync(file)
    if (!stats.isFile()) throw new Error(`rseq: ${path}: expected a file, and it is something else`)
    if (!trustOtherUsers) checkOwner(path, stats)
    return file
  } catch (error) {
    closeSync(file)
    throw error
  }
}

/** Removes a file. Does nothing if the file does not exist. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (!isError(error, 'ENOENT')) throw error
  }
}

/** The error for a file that could not be allocated. */
function fullError(path: string, directory: string, asked: number): SharedMemoryFullError {
  const [free, ofCgroup] = [freeBytes(directory), cgroupRoom()]
  return new SharedMemoryFullError(
    path,
    asked,
    Math.min(free, ofCgroup),
    ofCgroup < free ? 'cgroup' : 'file system',
  )
}

/**
 * Makes a file under a temporary name and links it to `path` after `format` has returned. Other processes never see an
 * incomplete file at `path`.
 *
 * @param temporary - a file name in the directory of `path` that no other process uses.
 * @param bytes - the size of the file.
 * @param asked - how many bytes of the file are allocated at once; the rest is allocated later, when it is needed.
 * @param format - allocates and writes the content. Its descriptor is closed after the call.
 * @returns the result of `format`; undefined if another process has made `path` in the meantime.
 * @throws SharedMemoryFullError if the file system or the cgroup has no room for the file.
 */
export function makeFile<Made>(
  path: string,
  temporary: string,
  bytes: number,
  asked: number,
  format: (file: number) => Made,
): Made | undefined {
  const directory = dirname(path)
  const atOnce = allocatesLater() ? asked : bytes
  checkRoom(path, directory, atOnce)
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const at = join(directory, temporary)
  const file = openSync(at, flags, OWN_FILE)
  try {
    if (atOnce < bytes) ftruncateSync(file, bytes)
    const errno = atOnce < bytes ? 0 : allocateFile(file, bytes)
    if (errno === system.errno.ENOSPC) throw fullError(path, directory, atOnce)
    if (errno !== 0) throw systemError(`${path} cannot get ${bytes} bytes`, errno)
    const made = format(file)
    linkSync(at, path)
    return made
  } catch (error) {
    if (isError(error, 'EEXIST')) return undefined
    if (isError(error, 'ENOSPC')) throw fullError(path, directory, atOnce)
    throw error
  } finally {
    closeSync(file)
    removeFile(at)
  }
}
