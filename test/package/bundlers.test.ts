/** Programs that esbuild has put into one file. */
import { createRequire } from 'node:module'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BuildOptions, build } from 'esbuild'
import { expect, test } from 'vitest'
import { machineWithSectionsOr } from '../support/machine.js'
import { makeProject, run, smoke, temporary } from './support/project.js'

const STATIC = `rseq/${process.platform}-${process.arch}`

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

const LOADING = readFileSync(new URL('../../docs/loading.md', import.meta.url), 'utf8')

/** In an ES module there is no require(), which the binaries are loaded by: docs/loading.md has one. */
const WITH_REQUIRE = /--banner:js="(.*)"/.exec(LOADING)?.[1] ?? ''

/** Bundles `entries/bundled.mjs` with the package under `name`; the bundle, and what lies beside it. */
async function bundle(
  project: string,
  name: string,
  options: BuildOptions,
): Promise<{ files: string[]; outdir: string }> {
  const entry = join(project, 'entry.mjs')
  writeFileSync(entry, readFileSync(join(project, 'bundled.mjs'), 'utf8').replace('PACKAGE', name))
  const outdir = join(temporary(), 'dist')
  mkdirSync(outdir)
  await build({
    entryPoints: { bundle: entry },
    bundle: true,
    platform: 'node',
    target: 'node20',
    outdir,
    logLevel: 'silent',
    ...options,
  })
  return { files: readdirSync(outdir), outdir }
}

test.each(['esm', 'cjs'] as const)('external, in %s', async (format) => {
  const project = makeProject()
  const out = { esm: 'mjs', cjs: 'cjs' }[format]
  await bundle(project, 'rseq', {
    format,
    external: ['rseq'],
    outdir: project,
    outExtension: { '.js': `.${out}` },
  })
  const { main, workers, counted, expected, stderr } = await smoke(`bundle.${out}`, { cwd: project })
  expect([counted, stderr]).toEqual([expected, ''])
  expect(workers.map(({ tier }) => tier)).toEqual([main.tier, main.tier])
})

test.each([
  ['esm', { banner: { js: WITH_REQUIRE }, outExtension: { '.js': '.mjs' } }],
  ['cjs', { outExtension: { '.js': '.cjs' } }],
] as const)('with the static entry, in %s: nothing but the bundle is needed', async (format, options) => {
  const { files, outdir } = await bundle(makeProject(), STATIC, {
    format,
    loader: { '.node': 'copy' },
    ...options,
  })
  // One for each ABI, and one for all others.
  expect(files.filter((file) => file.endsWith('.node'))).toHaveLength(5)
  const program = files.find((file) => file.startsWith('bundle.')) ?? ''
  const seen = await smoke(join(outdir, program), { cwd: outdir })
  expect([seen.counted, seen.stderr]).toEqual([seen.expected, ''])
  for (const { backend, tier } of [seen.main, ...seen.workers])
    expect([backend, tier]).toEqual(['native', 'fast'])
})

test('with the static entry of another platform: the portable backend', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const other = process.arch === 'x64' ? 'rseq/linux-arm64' : 'rseq/linux-x64'
  const outExtension = { '.js': '.cjs' }
  const { outdir } = await bundle(makeProject(), other, {
    format: 'cjs',
    loader: { '.node': 'copy' },
    outExtension,
  })
  const { main, counted, expected } = await smoke(join(outdir, 'bundle.cjs'), { cwd: outdir })
  expect([main.backend, counted]).toEqual(['portable', expected])
  expect(main.reason).toContain(
    `looked for nothing that fits in the bundle for ${other.slice('rseq/'.length)}`,
  )
})

test.each(['esm', 'cjs'] as const)(
  'without either, in %s: portable, and told where to read on',
  async (format) => {
    const out = { esm: 'mjs', cjs: 'cjs' }[format]
    const { outdir } = await bundle(makeProject(), 'rseq', { format, outExtension: { '.js': `.${out}` } })
    const { main, counted, expected, stderr } = await smoke(join(outdir, `bundle.${out}`), { cwd: outdir })
    expect([main.backend, counted]).toEqual(['portable', expected])
    expect(stderr).toContain('see "Bundlers" in the README')
  },
)

const commands = Array.from(README.matchAll(/^npx (esbuild .*)$/gm), ([, command]) => command ?? '')

test.each(commands)('the README: %s', async (command) => {
  const cwd = makeProject()
  const name = command.includes('external:rseq') ? 'rseq' : STATIC
  writeFileSync(join(cwd, 'app.mjs'), readFileSync(join(cwd, 'bundled.mjs'), 'utf8').replace('PACKAGE', name))
  const esbuild = createRequire(import.meta.url).resolve('esbuild/bin/esbuild')
  const { status, stderr } = await run(command.split(' ').slice(1), { cwd, node: esbuild })
  expect(status, stderr).toBe(0)
  const { main, counted, expected } = await smoke(/--outfile=(\S+)/.exec(command)?.[1] ?? '', { cwd })
  expect([main.backend, counted]).toEqual(['native', expected])
})

test('the README has commands for this to test', () => {
  expect([commands.length, WITH_REQUIRE !== '']).toEqual([2, true])
})
