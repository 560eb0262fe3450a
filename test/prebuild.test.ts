/** The binaries that ship: one for each Node that has a fast tier, and what each Node takes of them. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { NODES } from '../scripts/node-versions.mjs'
import { ARCHITECTURES, binariesOf } from '../scripts/prebuild.mjs'

interface Tags {
  file: string
}

/** What node-gyp-build chooses by. */
interface Chooser {
  parseTags(file: string): Tags | undefined
  matchTags(runtime: string, abi: string): (tags: Tags | undefined) => boolean
  compareTags(runtime: string): (a: Tags, b: Tags) => number
}

const require = createRequire(import.meta.url)
const chooser = require('node-gyp-build') as Chooser
/** By which prebuildify names the files. */
const { getAbi } = createRequire(require.resolve('prebuildify'))('node-abi') as {
  getAbi: (version: string, runtime: string) => string
}
const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')

/** The file that a runtime of that ABI takes, of those that are built for `arch`. */
function taken(arch: string, runtime: string, abi: string): string | undefined {
  return binariesOf(arch)
    .map(({ file }) => chooser.parseTags(basename(file)))
    .filter((tags) => tags !== undefined)
    .filter(chooser.matchTags(runtime, abi))
    .sort(chooser.compareTags(runtime))[0]?.file
}

test.each(Object.keys(ARCHITECTURES))('%s: each Node takes the binary of its own ABI', (arch) => {
  for (const { abi } of NODES) expect(taken(arch, 'node', String(abi))).toBe(`rseq.abi${abi}.glibc.node`)
})

test.each([
  ['an older Node', 'node', '111'],
  ['a Node between', 'node', '131'],
  ['a newer Node', 'node', '999'],
  ['Electron', 'electron', '143'],
])('%s takes the one for all', (_, runtime, abi) => {
  expect(taken('x64', runtime, abi)).toBe('rseq.glibc.node')
})

test('the ABIs are those of the versions, in every place that names them', () => {
  const abis = NODES.map(({ abi }) => abi)
  expect(NODES.map(({ version }) => Number(getAbi(version, 'node')))).toEqual(abis)
  expect(read('binding.gyp')).toContain(`node_module_version in (${abis.join(', ')})`)
  const layouts = read('native/addon/v8_fast_call.h').matchAll(/case (\d+):\s+return (\d+);/g)
  expect(Array.from(layouts, ([, abi, major]) => [Number(abi), Number(major)])).toEqual(
    NODES.map(({ abi, major }) => [abi, major]),
  )
  for (const { major, version } of NODES) expect(version).toMatch(new RegExp(`^${major}\\.`))
})
