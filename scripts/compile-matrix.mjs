// Compiles native/rseq and native/percpu with every compiler and at every level that the library
// promises, links a shared object, and checks it:
//
//   node scripts/compile-matrix.mjs
//
// There must be no warning, no text relocation, a descriptor with its table entries for every section, and equal sets of
// sections on all architectures.
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { definedSymbols, dynamicTags, properties, sections, segments } from './readelf.mjs'

const run = promisify(execFile)
const root = dirname(dirname(fileURLToPath(import.meta.url)))

export const COMPILERS = ['g++', 'clang++', 'aarch64-linux-gnu-g++', 'powerpc64le-linux-gnu-g++']
/** The options for landing pads of indirect branches, as in native/addon.gypi, and the property of the objects. */
const PROTECTIONS = {
  x86_64: { flags: ['-fcf-protection'], properties: ['IBT', 'SHSTK'] },
  aarch64: { flags: ['-mbranch-protection=standard'], properties: ['BTI', 'PAC'] },
  powerpc64le: { flags: [], properties: [] },
}

/** @param {string} compiler */
function architectureOf(compiler) {
  const own = { x64: 'x86_64', arm64: 'aarch64', ppc64: 'powerpc64le' }[process.arch] ?? 'x86_64'
  return Object.keys(PROTECTIONS).find((name) => compiler.startsWith(name)) ?? own
}

export const LEVELS = ['-O0', '-O2', '-O3']

const COMMON = ['-Wall', '-Wextra', '-Werror', '-fPIC']
const CPP = ['-std=c++17', '-Wshadow', '-Wconversion', '-Wold-style-cast']

const DESCRIPTOR_BYTES = 32
const POINTER_BYTES = 8
const EXIT_POINT_BYTES = 16

/** Whether the compiler is installed. */
export function isInstalled(compiler) {
  try {
    execFileSync(compiler, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Every file of the library below `base` that is compiled, for any architecture. */
export function librarySources(base = root) {
  return ['native/rseq', 'native/percpu']
    .flatMap((folder) =>
      readdirSync(join(base, folder), { recursive: true }).map((file) => join(base, folder, file)),
    )
    .filter((file) => /\.(cc|S)$/.test(file))
    .sort()
}

/**
 * Compiles `sources` and links them into a shared object inside `directory`; returns its path.
 * The Error has the messages of the compiler or linker.
 * @param {string} compiler
 * @param {string} level
 * @param {string} directory
 * @param {string[]} sources
 * @param {string[]} linkerFlags
 */
export async function buildSharedObject(
  compiler,
  level,
  directory,
  sources = librarySources(),
  linkerFlags = [],
) {
  const objects = []
  for (const [number, source] of sources.entries()) {
    const object = join(directory, `${number}.o`)
    const language = source.endsWith('.S') ? [] : [...CPP, ...PROTECTIONS[architectureOf(compiler)].flags]
    await call(compiler, [...COMMON, ...language, level, '-c', source, '-o', object])
    objects.push(object)
  }
  const shared = join(directory, 'library.so')
  await call(compiler, [
    '-shared',
    '-Wl,-z,text',
    '-Wl,--fatal-warnings',
    ...linkerFlags,
    '-o',
    shared,
    ...objects,
  ])
  return shared
}

async function call(command, args) {
  try {
    await run(command, args)
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')}\n${error.stderr || error.message}`, { cause: error })
  }
}

/**
 * The objects of buildSharedObject() in `directory` that lack the property for landing pads. One such object is enough for
 * the linker to drop the property from its output.
 * @param {string} compiler
 * @param {string} directory
 * @returns {string[]}
 */
export function unmarkedObjects(compiler, directory) {
  const wanted = PROTECTIONS[architectureOf(compiler)].properties
  return readdirSync(directory)
    .filter((name) => name.endsWith('.o'))
    .filter((name) => {
      const found = properties(join(directory, name))
      return !wanted.every((property) => found.includes(property))
    })
    .map((name) => `${name} has not the properties ${wanted.join(', ')}`)
}

function sectionSymbols(file) {
  return definedSymbols(file).filter(({ name }) => /^rseq_.*_(cpu_id|mm_cid)$/.test(name))
}

/**
 * The names of the sections in a shared object, to compare architectures.
 * @param {string} file
 * @returns {string[]}
 */
export function sectionNames(file) {
  return Array.from(new Set(sectionSymbols(file).map(({ name }) => name))).sort()
}

/**
 * The problems of the tables of a shared object, one sentence each.
 * @param {string} file
 * @returns {string[]}
 */
export function problemsOf(file) {
  const tags = dynamicTags(file)
  const isTextRelocated = tags.some(({ tag, value }) => tag === 'TEXTREL' || /\bTEXTREL\b/.test(value))

  // Two names of one address are one section: on x86-64 the plain store already has release order.
  const byAddress = new Map(sectionSymbols(file).map(({ name, address }) => [address, name]))
  const count = byAddress.size
  const names = Array.from(byAddress.values())
  const comparing = names.filter((name) => /_cb(eq|ne)_/.test(name)).length
  // In these sections a different word is a result, with an exit of its own.
  const answering = names.filter((name) => /_cbne_store_taken_/.test(name)).length
  const wanted = {
    __rseq_cs_ptr_array: count * POINTER_BYTES,
    // Every section has an exit for a thread that has moved; a section that compares also has one for a failed comparison.
    __rseq_exit_point_array: (count + comparing + answering) * EXIT_POINT_BYTES,
  }
  const there = sections(file)
  const relro = segments(file).find(({ type }) => type === 'GNU_RELRO')
  const data = there.get('.data.rel.ro')
  const isReadOnly =
    relro !== undefined &&
    data !== undefined &&
    data.size >= count * DESCRIPTOR_BYTES &&
    data.address >= relro.address &&
    data.address + data.size <= relro.address + relro.size
  return [
    ...(isTextRelocated ? ['there are text relocations'] : []),
    ...(isReadOnly ? [] : ['the descriptors stay writable']),
    ...(count === 0 ? ['there are no sections at all'] : []),
    ...Object.entries(wanted)
      .filter(([name, size]) => there.get(name)?.size !== size)
      .map(
        ([name, size]) =>
          `${name} has ${there.get(name)?.size ?? 'no'} bytes, not the ${size} of ${count} sections`,
      ),
  ]
}

/**
 * Runs `body` with a directory of its own, deleted afterwards.
 * @template T
 * @param {(directory: string) => Promise<T>} body
 * @returns {Promise<T>}
 */
export async function inTemporaryDirectory(body) {
  const directory = mkdtempSync(join(tmpdir(), 'rseq-compile-'))
  try {
    return await body(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function main() {
  let failures = 0
  for (const compiler of COMPILERS) {
    if (!isInstalled(compiler)) {
      console.log(`${compiler}: not installed`)
      continue
    }
    for (const level of LEVELS) {
      const [names, problems] = await inTemporaryDirectory(async (directory) => {
        const file = await buildSharedObject(compiler, level, directory)
        return [sectionNames(file), [...problemsOf(file), ...unmarkedObjects(compiler, directory)]]
      }).catch((error) => [[], [error.message]])
      console.log(
        `${compiler} ${level}: ${names.length} sections${problems.map((problem) => `\n  ${problem}`).join('')}`,
      )
      failures += problems.length
    }
  }
  process.exitCode = failures === 0 ? 0 : 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
