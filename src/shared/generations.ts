/**
 * Generations of one object: files of one name and kind that differ in their specification or layout version. Readers sum
 * them up, and a generation that no process uses is retired while another one is in use.
 *
 * Every process that maps a file has a shared lock on it until its last mapping is gone ({@link useFile}). To retire a file,
 * {@link retireUnused} takes it for itself, which fails while anybody uses it. These steps follow, each of them by one system
 * call, so that each count is in one counted file at any instant:
 *
 * 1. The file GENERATION is renamed to GENERATION.retiringN, where N is the next number. Who opens the old name now makes a
 *    new, empty file.
 * 2. A small file with the totals of GENERATION.retiringN and of the last GENERATION.retiredM is renamed to
 *    GENERATION.retiredN. From then on, files with the number N or a lower one beside it do not count any more.
 * 3. Those are removed.
 *
 * Nobody maps a retired file; it is read by system calls. All this happens under the lock on the file `processes`, which
 * readers of totals take, too: they see each file under one name.
 *
 * @module
 */
import { closeSync, fstatSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { COMPACTING, type FileName } from '../core/service-files.js'
import { HISTOGRAM_HEADER_BYTES, HistogramWord } from '../core/histogram-layout.js'
import { HEADER_BYTES, HeaderWord, Kind } from '../core/layout.js'
import { type FileTotals, Unreadable, readTotals, withFile } from '../inspect/index.js'
import { isFileUsed, takeUnusedFile } from '../runtime/mapping.js'
import { formatRegion, newRegionSize } from '../runtime/region.js'
import { isError, openFile, removeFile } from './files.js'
import { type SharedKind, parseFileName } from './names.js'

/** The kinds of which several generations have a total. All others stay until somebody removes them. */
const SUMMABLE: readonly SharedKind[] = ['counter', 'counters', 'histogram']

/** A file of an object. */
export interface ObjectFile extends FileName {
  readonly kind: SharedKind
  readonly file: string
  readonly path: string
}

/** Returns the files of all objects of a directory, in the order of their names. */
export function objectFilesIn(directory: string): ObjectFile[] {
  const found: ObjectFile[] = []
  for (const file of readdirSync(directory).sort()) {
    const parts = parseFileName(file)
    if (parts !== undefined) found.push({ ...parts, file, path: join(directory, file) })
  }
  return found
}

/** Returns whether a path still leads to an open file. */
export function leadsTo(path: string, file: number): boolean {
  const [there, here] = [statSync(path, { throwIfNoEntry: false }), fstatSync(file)]
  return there !== undefined && there.ino === here.ino && there.dev === here.dev
}

/** Returns whether any process uses a file; false if it is gone. */
function isUsed(path: string, trustOtherUsers: boolean): boolean {
  const file = openFile(path, trustOtherUsers)
  if (file === undefined) return false
  try {
    return isFileUsed(file)
  } finally {
    closeSync(file)
  }
}

/** Reads the totals of a file. @throws Error that names the file, if it is damaged. */
function totalsIn(path: string): FileTotals {
  try {
    return withFile(path, readTotals)
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    throw new Error(`rseq: ${path} ${error.message}`, { cause: error })
  }
}

/** The number of retired files of a generation; 0 for one that is in use. */
function numberOf({ retired }: ObjectFile): number {
  return retired?.number ?? 0
}

/** Splits the files of one generation of an object into those whose counts count and those that a later file contains. */
function split(files: readonly ObjectFile[]): { counted: ObjectFile[]; contained: ObjectFile[] } {
  const sums = files.filter(({ retired }) => retired?.state === 'retired')
  const last = Math.max(0, ...sums.map(numberOf))
  const isCounted = (one: ObjectFile): boolean =>
    one.retired === null ||
    one.retired.number > last ||
    (one.retired.state === 'retired' && one.retired.number === last)
  return { counted: files.filter(isCounted), contained: files.filter((one) => !isCounted(one)) }
}

/** Returns `files` in groups: one for each value of `key`. */
function groupBy(files: readonly ObjectFile[], key: (file: ObjectFile) => string): ObjectFile[][] {
  const groups = new Map<string, ObjectFile[]>()
  for (const one of files) {
    const group = groups.get(key(one)) ?? []
    group.push(one)
    groups.set(key(one), group)
  }
  return [...groups.values()]
}

const objectOf = ({ name, kind }: ObjectFile): string => `${name} ${kind}`
const generationOf = (one: ObjectFile): string => `${objectOf(one)} ${one.generation}`

/** Returns the totals of each generation of an object, also of the retired ones. The caller holds the lock. */
export function generationTotals(directory: string, name: string, kind: SharedKind): FileTotals[] {
  const files = objectFilesIn(directory).filter((one) => one.name === name && one.kind === kind)
  return groupBy(files, generationOf).flatMap((group) =>
    split(group).counted.map(({ path }) => totalsIn(path)),
  )
}

/** Adds up the totals of files of one generation. @throws Unreadable if they do not fit together. */
function addUp(files: readonly FileTotals[]): FileTotals {
  const [first, ...others] = files
  if (first === undefined) throw new Unreadable('has no totals')
  const { totals, histogram } = first
  const header = histogram?.header
  for (const other of others) {
    if (other.totals.length !== totals.length || typeof other.totals[0] !== typeof totals[0])
      throw new Unreadable('holds other counters than another file of its generation')
    for (let i = 0; i < totals.length; i++) (totals[i] as number) += other.totals[i] as number
    if (header !== undefined && other.histogram !== null) includeRange(header, other.histogram.header)
  }
  return first
}

/** Widens the range of values of one histogram by that of another one. */
function includeRange(header: BigInt64Array, other: BigInt64Array): void {
  const { leastPlus1, most } = HistogramWord
  const [least, wanted] = [header[leastPlus1] ?? 0n, other[leastPlus1] ?? 0n]
  if (wanted !== 0n && (least === 0n || wanted < least)) header[leastPlus1] = wanted
  if ((other[most] ?? 0n) > (header[most] ?? 0n)) header[most] = other[most] ?? 0n
}

/** Returns the bytes of an object with one shard that has these totals. */
function compactBytes({ totals, histogram }: FileTotals): Uint8Array {
  const head = histogram === null ? 0 : HISTOGRAM_HEADER_BYTES
  const element = totals instanceof BigInt64Array ? 'i64' : 'f64'
  const bytes = new Uint8Array(new SharedArrayBuffer(head + newRegionSize(totals.length, element, 1)))
  if (histogram !== null) bytes.set(new Uint8Array(histogram.header.buffer, 0, head))
  formatRegion(bytes.subarray(head), Kind.counters, totals.length, element, 'cpu', 1)
  const header = new Uint32Array(bytes.buffer, head, HEADER_BYTES / Uint32Array.BYTES_PER_ELEMENT)
  const first = header[HeaderWord.firstShard] as number
  bytes.set(new Uint8Array(totals.buffer, 0, totals.byteLength), head + first)
  return bytes.slice()
}

/**
 * Takes the steps 2 and 3 for all retired files of a generation. Without room, or if a file is damaged, they stay as they are.
 *
 * @returns the path of the small file.
 */
function compact(directory: string, files: readonly ObjectFile[]): string | undefined {
  const temporary = join(directory, COMPACTING)
  const { counted, contained } = split(files)
  const last = counted.reduce<ObjectFile | undefined>(
    (max, one) => (max === undefined || numberOf(one) > numberOf(max) ? one : max),
    undefined,
  )
  if (last === undefined) return undefined
  const to = last.path.replace(/\.retir(?:ing|ed)(\d+)$/, '.retired$1')
  let done = contained
  if (counted.some(({ retired }) => retired?.state === 'retiring')) {
    try {
      const bytes = compactBytes(addUp(counted.map(({ path }) => withFile(path, readTotals))))
      removeFile(temporary)
      writeFileSync(temporary, bytes, { flag: 'wx', mode: 0o600 })
      renameSync(temporary, to)
      done = [...contained, ...counted]
    } catch (error) {
      removeFile(temporary)
      if (error instanceof Unreadable || isError(error, 'ENOSPC')) return undefined
      throw error
    }
  }
  for (const { path } of done) if (path !== to) removeFile(path)
  return to
}

/** Takes step 1 unless somebody uses the file. Returns whether it was taken. */
function retire({ path }: ObjectFile, number: number, trustOtherUsers: boolean): boolean {
  const opened = openFile(path, trustOtherUsers)
  if (opened === undefined) return false
  try {
    if (!takeUnusedFile(opened) || !leadsTo(path, opened)) return false
    renameSync(path, `${path}.retiring${number}`)
    return true
  } finally {
    closeSync(opened)
  }
}

/** Returns the files of each object that has several generations, without the retired ones. */
function severalGenerations(files: readonly ObjectFile[]): ObjectFile[][] {
  const living = files.filter(({ retired, kind }) => retired === null && SUMMABLE.includes(kind))
  return groupBy(living, objectOf).filter((group) => group.length > 1)
}

/** Returns whether {@link retireUnused} may have something to do. */
export function mayRetire(directory: string): boolean {
  const files = objectFilesIn(directory)
  // A process was killed while it retired one: the file of step 1 is the last one that compact() removes. Or an object has several.
  return files.some(({ retired }) => retired?.state === 'retiring') || severalGenerations(files).length > 0
}

/**
 * Retires each generation of a counter, an array of counters or a histogram that no process uses, if a process uses another
 * generation of it. The caller holds the lock.
 *
 * @returns the paths of the retired files.
 */
export function retireUnused(directory: string, trustOtherUsers: boolean): string[] {
  const files = objectFilesIn(directory)
  const retired = new Set<string>()
  for (const group of severalGenerations(files)) {
    const unused = group.filter(({ path }) => !isUsed(path, trustOtherUsers))
    if (unused.length === group.length) continue
    for (const one of unused) {
      const same = files.filter((other) => generationOf(other) === generationOf(one))
      if (retire(one, Math.max(...same.map(numberOf)) + 1, trustOtherUsers)) retired.add(generationOf(one))
    }
  }
  // Also those of a process that was killed between two steps.
  const groups = groupBy(
    objectFilesIn(directory).filter((one) => one.retired !== null),
    generationOf,
  )
  return groups.flatMap((group) => {
    const path = compact(directory, group)
    const [one] = group
    return one !== undefined && retired.has(generationOf(one)) ? [path ?? one.path] : []
  })
}
