/** What is in the tarball, and what is not. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { expect, inject, test } from 'vitest'
import { NODES } from '../../scripts/node-versions.mjs'
import { ARCHITECTURES } from '../../scripts/prebuild.mjs'

const MOST_BYTES = 3_000_000

const packed = inject('packed')
const at = (path: string): string => join(packed.installed, 'node_modules/rseq', path)
const manifest = JSON.parse(readFileSync(at('package.json'), 'utf8')) as Record<string, unknown>

test('it is small', ({ annotate }) => {
  const kinds = Object.entries({ lib: /^lib\//, prebuilds: /^prebuilds\//, native: /^native\// })
  const counts = kinds.map(
    ([kind, start]) => `${packed.files.filter((file) => start.test(file)).length} in ${kind}`,
  )
  const sizes = `${packed.size} bytes, ${packed.unpackedSize} unpacked, ${counts.join(', ')}`
  console.log(sizes)
  expect(packed.size).toBeLessThan(MOST_BYTES)
  return annotate(sizes)
})

test('it has what it is to have', () => {
  const binaries = Object.keys(ARCHITECTURES).flatMap((arch) => [
    ...NODES.map(({ abi }) => `prebuilds/linux-${arch}/rseq.abi${abi}.glibc.node`),
    `prebuilds/linux-${arch}/rseq.glibc.node`,
  ])
  expect(packed.files.filter((file) => file.startsWith('prebuilds/')).sort()).toEqual(binaries.sort())
  for (const file of [
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    'lib/index.js',
    'lib/index.d.ts',
    'lib/index.js.map',
  ]) {
    expect(packed.files).toContain(file)
  }
  for (const file of [
    'rseq/thread.h',
    'rseq/arch/arm64.S',
    'percpu/counter.cc',
    'rseq_library.cc',
    'addon.gypi',
  ]) {
    expect(packed.files).toContain(`native/${file}`)
  }
  const unwanted = /^(src|test|scripts|bench|build|examples)\/|native\/test|\.tsbuildinfo$|prebuilds\/README/
  expect(packed.files.filter((file) => unwanted.test(file))).toEqual([])
})

test('nothing makes npm compile it, or run anything', () => {
  expect(packed.files).not.toContain('binding.gyp')
  expect(manifest['gypfile']).toBe(false)
  const scripts = Object.keys(manifest['scripts'] as object)
  expect(scripts.filter((name) => /^(pre|post)?install$|^prepare$|^prepublish$/.test(name))).toEqual([])
})

test('every module of lib comes from a source, and its map has the source in it', () => {
  for (const file of packed.files.filter((name) => /^lib\/.*\.c?js$/.test(name))) {
    const { sourcesContent } = JSON.parse(readFileSync(at(`${file}.map`), 'utf8')) as {
      sourcesContent?: string[]
    }
    expect(sourcesContent?.[0]?.length, file).toBeGreaterThan(0)
    expect(packed.files).toContain(file.replace(/js$/, 'ts').replace(/\.(c?)ts$/, '.d.$1ts'))
  }
})

test('every path in the export map is there', () => {
  const paths = JSON.stringify([manifest['exports'], manifest['main'], manifest['types'], manifest['bin']])
  const named = Array.from(paths.matchAll(/"(?:\.\/)?((?:lib\/|package)[^"]*)"/g), ([, path]) => path)
  expect(named.length).toBeGreaterThan(8)
  for (const path of named) expect(packed.files).toContain(path)
})

test('the static entries name the binaries that there are', () => {
  for (const arch of Object.keys(ARCHITECTURES)) {
    const text = readFileSync(at(`lib/static/linux-${arch}.cjs`), 'utf8')
    const named = Array.from(text.matchAll(/require\('\.\.\/\.\.\/(prebuilds\/.*?)'\)/g), ([, path]) => path)
    const there = packed.files.filter((file) => file.startsWith(`prebuilds/linux-${arch}/`))
    expect(named.sort()).toEqual(there.sort())
  }
})

test('publint finds nothing', async () => {
  const { messages, pkg } = await publint({ pkgDir: at('.'), strict: true, pack: false })
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
})

/** Exit status of are-the-types-wrong. */
function judgeTypes(...options: string[]): number | null {
  const attw = createRequire(import.meta.url).resolve('@arethetypeswrong/cli/package.json')
  return spawnSync(process.execPath, [join(attw, '../dist/index.js'), packed.file, ...options]).status
}

test('the types are right for whoever resolves them', () => {
  expect(judgeTypes('--profile', 'esm-only')).toBe(0)
  // ES modules only: require() takes them from Node 20.19 on, which is not yet an opinion of that tool.
  expect(judgeTypes()).toBe(1)
})
