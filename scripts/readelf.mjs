// Reads the properties of an ELF file of any architecture by binutils' readelf.
import { execFileSync } from 'node:child_process'

/** Runs readelf. @throws Error with readelf's message if it cannot read the file. */
function readelf(option, file) {
  return execFileSync('readelf', ['--wide', option, file], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  })
}

/** The dynamic section: `[{ tag: 'NEEDED', value: 'Shared library: [libc.so.6]' }, ...]`. */
export function dynamicTags(file) {
  const entries = readelf('--dynamic', file).matchAll(/^ 0x[0-9a-f]+ \((\w+)\)\s+(.*)$/gm)
  return Array.from(entries, ([, tag, value]) => ({ tag, value: value.trim() }))
}

/** Sections by name: `{ address, size }`, the size in bytes. */
export function sections(file) {
  const lines = readelf('--section-headers', file).matchAll(
    /^ *\[ *\d+\] (\S+) +\S+ +([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+)/gm,
  )
  const hex = (digits) => Number.parseInt(digits, 16)
  return new Map(
    Array.from(lines, ([, name, address, size]) => [name, { address: hex(address), size: hex(size) }]),
  )
}

/** Program headers: `[{ type: 'GNU_STACK', address, size, flags: 'RW' }, ...]`, the size in bytes of memory. */
export function segments(file) {
  const lines = readelf('--program-headers', file).matchAll(
    /^ {2}(\w+) +0x[0-9a-f]+ (0x[0-9a-f]+) 0x[0-9a-f]+ 0x[0-9a-f]+ (0x[0-9a-f]+) ([RWE ]{3}) 0x[0-9a-f]+$/gm,
  )
  return Array.from(lines, ([, type, address, size, flags]) => ({
    type,
    address: Number(address),
    size: Number(size),
    flags: flags.replaceAll(' ', ''),
  }))
}

/** The symbols that the file defines: `[{ name, address }, ...]`. */
export function definedSymbols(file) {
  const found = []
  for (const line of readelf('--symbols', file).split('\n')) {
    // Num: Value Size Type Bind Visibility [other] Section Name
    const [number, address, , , , ...rest] = line.trim().split(/\s+/)
    if (!/^\d+:$/.test(number) || rest.length < 3 || rest.at(-2) === 'UND') continue
    found.push({ name: rest.at(-1), address })
  }
  return found
}

/** The properties of the code in `.note.gnu.property`: `['IBT', 'SHSTK']`, `['BTI', 'PAC']` or none. */
export function properties(file) {
  const lines = readelf('--notes', file).matchAll(/(?:x86|AArch64) feature: (.*)$/gm)
  return Array.from(lines).flatMap(([, list]) => list.trim().split(/, */))
}

/** The symbol versions that the file requires of other libraries: `['GLIBC_2.2.5', ...]`. */
export function requiredVersions(file) {
  const needs = readelf('--version-info', file).split(/^Version needs section/m)[1] ?? ''
  return Array.from(needs.matchAll(/Name: (\S+)/g), ([, name]) => name)
}
