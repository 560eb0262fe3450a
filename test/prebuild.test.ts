/** The binaries that ship: one for each Node that has a fast tier, and what each Node takes of them. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { NODES } from '../scripts/node-versions.mjs'
import { ARCHITECTURES, binariesOf } from '../scripts/prebuild.mjs'
import { runProgram } from './support/program.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const PRETEND = new URL('support/pretend.mjs', import.meta.url).href

const require = createRequire(import.meta.url)
/** By which prebuildify names the files. */
const { getAbi } = createRequire(require.resolve('prebuildify'))('node-abi') as {
  getAbi: (version: string, runtime: string) => string
}
const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')

/** The files that a runtime tries on a platform, of those that are built for `arch`, best first. */
async function tried(arch: string, versions: object): Promise<string[]> {
  const env = {
    PREBUILDS_ONLY: '1',
    RSEQ_BINARY: undefined,
    PRETEND_PLATFORM: `linux-${arch}`,
    PRETEND_VERSIONS: JSON.stringify(versions),
  }
  const { result } = await runProgram<string[]>('candidates', { env, nodeOptions: ['--import', PRETEND] })
  const built = binariesOf(arch).map(({ file }) => relative(ROOT, file))
  return result.filter((file) => built.includes(file)).map((file) => basename(file))
}

test.each(Object.keys(ARCHITECTURES))('%s: each Node takes the binary of its own ABI', async (arch) => {
  for (const { abi } of NODES) {
    const files = [`rseq.abi${abi}.glibc.node`, 'rseq.glibc.node']
    expect(await tried(arch, { modules: String(abi) })).toEqual(files)
  }
})

test.each([
  ['an older Node', { modules: '111' }],
  ['a Node between', { modules: '131' }],
  ['a newer Node', { modules: '999' }],
  ['Electron', { modules: '137', electron: '43.0.0' }],
  ['Bun', { modules: '137', bun: '1.4.5' }],
])('%s takes the one for all', async (_, versions) => {
  expect(await tried('x64', versions)).toEqual(['rseq.glibc.node'])
})

test('the ABIs are those of the versions, in every place that names them', () => {
  const abis = NODES.map(({ abi }) => abi)
  expect(NODES.map(({ version }) => Number(getAbi(version, 'node')))).toEqual(abis)
  expect(read('native/addon.gypi')).toContain(`node_module_version in (${abis.join(', ')})`)
  const layouts = read('native/addon/tiers/v8_fast_call.h').matchAll(/case (\d+):\s+return (\d+);/g)
  expect(Array.from(layouts, ([, abi, major]) => [Number(abi), Number(major)])).toEqual(
    NODES.map(({ abi, major }) => [abi, major]),
  )
  for (const { major, version } of NODES) expect(version).toMatch(new RegExp(`^${major}\\.`))
})

// npm runs the script `prebuild` before `build`, which would make the binaries of all architectures.
test('no script has a name that npm takes for a hook of build', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  expect(Object.keys(scripts).filter((name) => /^(pre|post)build/.test(name))).toEqual([])
})
