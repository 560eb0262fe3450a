/**
 * Builds `lib/cjs/` from the modules in `lib/`: each entry of the package as CommonJS, its types, and an ES module that
 * re-exports it.
 *
 * Where Node can `require()` ES modules, it takes those in `lib/` for `import` and for `require`, by the condition
 * `module-sync` of package.json. Others (Node before 20.19, Jest) take `lib/cjs/` for both. A process thus has one copy of the
 * library, and one set of its state, however its parts load it.
 *
 * Usage: `node scripts/build-cjs.mjs`, after `tsc`
 */
import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { dts } from 'rolldown-plugin-dts'

const lib = join(dirname(dirname(fileURLToPath(import.meta.url))), 'lib')
const dir = join(lib, 'cjs')

/** The entries that programs import, and their modules in `lib/`. */
const ENTRIES = {
  index: 'index',
  keyv: 'keyv/index',
  metrics: 'metrics/index',
  'prom-client': 'prom-client/index',
  shared: 'shared/index',
  trace: 'trace/index',
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'linux-ppc64': 'linux-ppc64',
}

/** Bundlers find the literal paths of binaries in these lists where they lie, and they are CommonJS already. */
const listsOfBinaries = {
  name: 'lists-of-binaries',
  resolveId: (id) =>
    /^\.\/linux-\w+\.cjs$/.test(id) ? { id: `../native/static/${basename(id)}`, external: true } : null,
}

async function write(extension, plugins, output) {
  const input = Object.fromEntries(
    Object.entries(ENTRIES).map(([name, file]) => [name, join(lib, file + extension.source)]),
  )
  const bundle = await rolldown({ input, platform: 'node', external: /^node:/, plugins })
  const written = await bundle.write({
    dir,
    exports: 'named',
    entryFileNames: `[name]${extension.made}`,
    chunkFileNames: `common-[name]-[hash]${extension.made}`,
    ...output,
  })
  await bundle.close()
  return written.output
}

rmSync(dir, { recursive: true, force: true })
const modules = await write({ source: '.js', made: '.cjs' }, [listsOfBinaries], { format: 'cjs' })
const types = await write({ source: '.d.ts', made: '.d.cts' }, [dts({ dtsInput: true })], { format: 'es' })

// The reference of src/lock/mutex.ts, which the bundler drops: for programs with an older target.
for (const { fileName, code } of types)
  writeFileSync(join(dir, fileName), `/// <reference lib="esnext.disposable" preserve="true" />\n${code}`)

for (const { isEntry, name, exports } of modules) {
  if (!isEntry) continue
  const named = exports.filter((exported) => exported !== 'default')
  const lines = [`import all from './${name}.cjs'`, `export const { ${named.join(', ')} } = all`]
  if (exports.length > named.length) lines.push('export default all.default')
  writeFileSync(join(dir, `${name}.mjs`), `${lines.join('\n')}\n`)
  // Tracers of dependencies (@vercel/nft) may follow `require` where Node takes `module-sync`. This names the other module.
  const other = `void (() => require('../${ENTRIES[name]}.js')) // Never called.`
  appendFileSync(join(dir, `${name}.cjs`), `${other}\n`)
}
