/**
 * Who uses the files of a service. Every process that maps a file has a shared lock on it ({@link useFile} of
 * `src/runtime/mapping.ts`), which the kernel lists for all PID namespaces; which processes they are is in `/proc/PID/maps`, for
 * those that this user may look at.
 *
 * @module
 */
import { lstatSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type FileId, deviceName, lockList, lockedBytes } from './locks.js'

/** Who uses a file. */
export interface Users {
  /** Whether any process does; null if this machine does not tell. */
  readonly isUsed: boolean | null
  /** Those that could be found, by their ids in this PID namespace. */
  readonly pids: readonly number[]
}

function idOf({ dev, ino }: FileId): string {
  return `${deviceName({ dev, ino })} ${ino}`
}

/** The files, as `/proc/PID/maps` identifies them, that each process has mapped of those in `wanted`. */
function mappings(wanted: ReadonlySet<string>): Map<string, Set<number>> {
  const found = new Map<string, Set<number>>()
  for (const entry of directories('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid)) continue
    // 7f00-7f01 rw-s 00000000 00:1a 77    /dev/shm/rseq.shop/requests.counter.1f2e3d4c
    for (const line of readMaps(pid).split('\n')) {
      const [, , , device, inode] = line.split(/ +/, 5)
      const id = `${device ?? ''} ${inode ?? ''}`
      if (!wanted.has(id)) continue
      const pids = found.get(id) ?? new Set()
      found.set(id, pids.add(pid))
    }
  }
  return found
}

function directories(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** Empty for a process of another user, and for one that has ended. */
function readMaps(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/maps`, 'latin1')
  } catch {
    return ''
  }
}

/** Says who uses files of a directory, by their names. O(processes × their mappings). */
export function usersOf(path: string, files: readonly string[]): Map<string, Users> {
  const ids = new Map<string, FileId>()
  for (const file of files) {
    const stats = lstatSync(join(path, file), { throwIfNoEntry: false })
    if (stats !== undefined) ids.set(file, stats)
  }
  const locks = lockList()
  const mapped = mappings(new Set([...ids.values()].map(idOf)))
  return new Map(
    Array.from(ids, ([file, id]): [string, Users] => {
      const pids = [...(mapped.get(idOf(id)) ?? [])].sort((one, other) => one - other)
      if (pids.length > 0) return [file, { isUsed: true, pids }]
      return [file, { isUsed: locks === null ? null : lockedBytes(locks, id).size > 0, pids }]
    }),
  )
}
