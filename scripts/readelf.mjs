// What an ELF file of any architecture says about itself, as binutils' readelf tells it.
import { execFileSync } from 'node:child_process'

/** Runs readelf. The answer of an unknown file is its complaint, as an Error. */
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

/** Sections by name: `{ size }` in bytes. */
export function sections(file) {
  const lines = readelf('--section-headers', file).matchAll(
    /^ *\[ *\d+\] (\S+) +\S+ +[0-9a-f]+ [0-9a-f]+ ([0-9a-f]+)/gm,
  )
  return new Map(Array.from(lines, ([, name, size]) => [name, { size: Number.parseInt(size, 16) }]))
}

/** Program headers: `[{ type: 'GNU_STACK', flags: 'RW' }, ...]`. */
export function segments(file) {
  const lines = readelf('--program-headers', file).matchAll(
    /^ {2}(\w+) +(?:0x[0-9a-f]+ ){5}([RWE ]{3}) 0x[0-9a-f]+$/gm,
  )
  return Array.from(lines, ([, type, flags]) => ({ type, flags: flags.replaceAll(' ', '') }))
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

/** The symbol versions that the file requires of other libraries: `['GLIBC_2.2.5', ...]`. */
export function requiredVersions(file) {
  const needs = readelf('--version-info', file).split(/^Version needs section/m)[1] ?? ''
  return Array.from(needs.matchAll(/Name: (\S+)/g), ([, name]) => name)
}
