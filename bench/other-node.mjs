// Runs the benchmark under another Node. The addons fit one version only, so this builds a copy of the package for that Node.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const COPIED = ['bench', 'binding.gyp', 'lib', 'native', 'package.json', 'scripts']

/** Returns the arguments of this process without --node, and with an absolute path for --json. */
function argumentsForOther(args) {
  const kept = args.filter(
    (arg, k) => arg !== '--node' && args[k - 1] !== '--node' && !arg.startsWith('--node='),
  )
  return kept.map((arg, k) => (kept[k - 1] === '--json' && arg !== '-' ? resolve(arg) : arg))
}

/** Builds and runs the benchmark under `node`, an executable; returns the exit status. */
export function runUnder(node) {
  const copy = mkdtempSync(join(tmpdir(), 'rseq-bench-'))
  const bin = dirname(resolve(node))
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` }
  const run = (...args) => spawnSync(resolve(node), args, { cwd: copy, env, stdio: 'inherit' }).status ?? 1
  try {
    const isBuilt = (path) => path.split('/').includes('build')
    for (const name of COPIED) {
      cpSync(join(root, name), join(copy, name), {
        recursive: true,
        filter: (path) => !isBuilt(path.slice(root.length)),
      })
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    return (
      run('scripts/build-native.mjs') ||
      run('scripts/build-native.mjs', 'bench/native') ||
      run('bench/main.mjs', ...argumentsForOther(process.argv.slice(2)))
    )
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}
