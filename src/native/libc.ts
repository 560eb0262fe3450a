/**
 * Finds out the C library of this process, because each binary is made for one C library.
 *
 * @module
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { unlessForbidden } from '../core/runtime.js'

export type LibcFamily = 'glibc' | 'musl'

/** The names of the dynamic loaders. The first page of an executable contains the name of its loader. */
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

/**
 * The version of glibc in Node's diagnostic report, which takes some tens of milliseconds to make. Empty on musl, and if the
 * runtime has no such report. Undefined if the runtime forbids making the report, as Deno does without `--allow-sys`.
 */
function glibcInReport(): string | undefined {
  // Other runtimes may lack the report or its fields.
  const { report } = process as { report?: NodeJS.ProcessReport }
  return unlessForbidden(() => {
    const { header } = (report?.getReport() ?? {}) as { header?: { glibcVersionRuntime?: string } }
    return header?.glibcVersionRuntime ?? ''
  }, undefined)
}

/**
 * The C library of this process, told by the loader that the executable names. If the executable cannot be read or names none
 * of the known loaders, the diagnostic report tells it. If nothing may be read, it is glibc: Deno alone forbids both, and is built for
 * glibc only. Call this on Linux only.
 */
export function libcFamily(): LibcFamily {
  try {
    const page = firstPage(process.execPath)
    const found = LOADERS.find(([, loader]) => loader.test(page))
    if (found !== undefined) return found[0]
  } catch {
    // The permission model may forbid reading the executable. The report then tells the C library.
  }
  return glibcInReport() === '' ? 'musl' : 'glibc'
}

/**
 * The C library, such as `glibc 2.36`, `musl`, or `glibc` if its version may not be read; empty off Linux. Takes tens of
 * milliseconds, so ask the addon if possible.
 */
export function libc(): string {
  if (process.platform !== 'linux') return ''
  if (libcFamily() === 'musl') return 'musl'
  const version = glibcInReport()
  return version === undefined ? 'glibc' : libcName(version)
}

/** The name of the C library for messages. `glibc` is the version of glibc; empty on musl. */
export function libcName(glibc: string): string {
  return glibc === '' ? 'musl' : `glibc ${glibc}`
}
