/**
 * The C library of this process: a binary is made for one.
 *
 * @module
 */
import { closeSync, openSync, readSync } from 'node:fs'

export type LibcFamily = 'glibc' | 'musl'

/** The name of the dynamic loader is in the first page of what it starts. */
const LOADERS: readonly (readonly [LibcFamily, RegExp])[] = [
  ['musl', /\/ld-musl-[\w.-]+\.so/],
  ['glibc', /\/(ld-linux[\w.-]*|ld64)\.so/],
]

function firstPage(file: string): string {
  const page = Buffer.alloc(4096)
  const descriptor = openSync(file, 'r')
  try {
    return page.toString('latin1', 0, readSync(descriptor, page, 0, page.length, 0))
  } finally {
    closeSync(descriptor)
  }
}

/** Node's own account of its C library: some tens of milliseconds. Empty on musl, and where there is none. */
function glibcInReport(): string {
  // Other runtimes may lack it, or what is in it.
  const { report } = process as { report?: NodeJS.ProcessReport }
  const { header } = (report?.getReport() ?? {}) as { header?: { glibcVersionRuntime?: string } }
  return header?.glibcVersionRuntime ?? ''
}

/**
 * Which C library this process runs on, told by the loader that the executable names; by a diagnostic
 * report where it may not be read. On Linux only.
 */
export function libcFamily(): LibcFamily {
  try {
    const page = firstPage(process.execPath)
    const found = LOADERS.find(([, loader]) => loader.test(page))
    if (found !== undefined) return found[0]
  } catch {
    // Not readable under the permission model: then the report.
  }
  return glibcInReport() === '' ? 'musl' : 'glibc'
}

/** 'glibc 2.36', 'musl' or '' off Linux. Some tens of milliseconds: for when there is no addon to ask. */
export function libc(): string {
  if (process.platform !== 'linux') return ''
  return libcFamily() === 'musl' ? 'musl' : libcName(glibcInReport())
}

/** The name for messages; `glibc` is its version, empty on musl. */
export function libcName(glibc: string): string {
  return glibc === '' ? 'musl' : `glibc ${glibc}`
}
