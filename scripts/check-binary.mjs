// Says whether a built addon loads wherever Node does, and stays where it is loaded:
//
//   node scripts/check-binary.mjs FILE...
//
// Any architecture. Prints each file's size and what it requires; exit status 1 if something is wrong.
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { dynamicTags, requiredVersions, segments } from './readelf.mjs'

/** The oldest glibc that Node supports. A binary that requires a newer one fails on machines that run Node. */
const GLIBC_FLOOR = [2, 28]

/** The libraries that every process with glibc or musl has. */
const MAY_NEED =
  /^(libc\.so\.6|libpthread\.so\.0|libdl\.so\.2|ld-linux[\w-]*\.so\.\d|ld64\.so\.2|libc\.musl-\w+\.so\.1)$/

/** @param {number[]} a @param {number[]} b */
function compareVersions(a, b) {
  return a[0] - b[0] || a[1] - b[1] || (a[2] ?? 0) - (b[2] ?? 0)
}

/**
 * Reads the properties of a shared object, and its problems, one sentence each.
 * @param {string} file
 * @returns {{ size: number, needed: string[], glibc: string | null, problems: string[] }}
 */
export function checkBinary(file) {
  const tags = dynamicTags(file)
  if (tags.length === 0) throw new Error(`${file} is not a shared object`)
  const flags = tags.filter(({ tag }) => tag.startsWith('FLAGS')).map(({ value }) => value)
  const needed = tags
    .filter(({ tag }) => tag === 'NEEDED')
    .map(({ value }) => /\[(.*)\]/.exec(value)?.[1] ?? value)
  const versions = requiredVersions(file)
    .flatMap((version) => /^GLIBC_([\d.]+)$/.exec(version)?.[1] ?? [])
    .map((version) => version.split('.').map(Number))
    .sort(compareVersions)
  const newest = versions.at(-1)
  const stack = segments(file).find(({ type }) => type === 'GNU_STACK')

  const problems = needed.filter((name) => !MAY_NEED.test(name)).map((name) => `needs ${name}`)
  const finding = (isWrong, text) => isWrong && problems.push(text)
  finding(
    newest !== undefined && compareVersions(newest, GLIBC_FLOOR) > 0,
    `requires glibc ${newest?.join('.')}, above ${GLIBC_FLOOR.join('.')}`,
  )
  finding(
    tags.some(({ tag }) => tag === 'TEXTREL') || flags.some((value) => /\bTEXTREL\b/.test(value)),
    'has text relocations',
  )
  finding(
    segments(file).every(({ type }) => type !== 'GNU_RELRO'),
    'has no RELRO: the descriptors of its sections stay writable',
  )
  finding(stack === undefined || stack.flags.includes('E'), 'asks for an executable stack')
  finding(!flags.some((value) => /\bNODELETE\b/.test(value)), 'can be unloaded (no NODELETE flag)')
  return { size: statSync(file).size, needed, glibc: newest?.join('.') ?? null, problems }
}

function main(files) {
  if (files.length === 0) {
    console.error('usage: node scripts/check-binary.mjs FILE...')
    process.exit(2)
  }
  for (const file of files) {
    const problems = []
    try {
      const { size, needed, glibc, problems: found } = checkBinary(file)
      console.log(
        `${file}: ${size} bytes, glibc ${glibc ?? 'of any version'}, needs ${needed.join(' ') || 'nothing'}`,
      )
      problems.push(...found)
    } catch (error) {
      console.log(`${file}:`)
      problems.push(error.stderr?.trim() || error.message)
    }
    for (const problem of problems) console.log(`  ${problem}`)
    if (problems.length > 0) process.exitCode = 1
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2))
