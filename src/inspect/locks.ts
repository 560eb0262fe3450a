/**
 * The kernel's lists of locks and mappings, which say who uses a file.
 *
 * @module
 */
import { readFileSync } from 'node:fs'

/** What identifies a file. */
export interface FileId {
  readonly dev: number
  readonly ino: number
}

/** The device of a file as `/proc/locks` and `/proc/PID/maps` name it. */
export function deviceName({ dev }: FileId): string {
  const major = Math.floor(dev / 256) % 4096
  const minor = (dev % 256) + 256 * (Math.floor(dev / 2 ** 20) % 4096)
  const hex = (part: number): string => part.toString(16).padStart(2, '0')
  return `${hex(major)}:${hex(minor)}`
}

/** The kernel's list of locks; null if this machine has none. */
export function lockList(): string | null {
  try {
    return readFileSync('/proc/locks', 'latin1')
  } catch {
    return null
  }
}

/** The bytes of a file that have open-file-description locks. */
export function lockedBytes(locks: string, file: FileId): ReadonlySet<number> {
  const locked = new Set<number>()
  const name = ` ${deviceName(file)}:${file.ino} `
  for (let at = locks.indexOf(name); at !== -1; at = locks.indexOf(name, at + 1)) {
    // 1: OFDLCK ADVISORY  WRITE -1 00:1a:77 128 128. Lines of waiters have an arrow behind the number.
    const begin = locks.lastIndexOf('\n', at) + 1
    const [, type] = locks.slice(begin, at).split(/ +/)
    if (type === 'OFDLCK') locked.add(parseInt(locks.slice(at + name.length, at + name.length + 20), 10))
  }
  return locked
}
