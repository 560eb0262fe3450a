// Runs clang-tidy over the C++ files, with the checks of .clang-tidy. One process for each CPU.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { nativeFiles, requireTool, root } from './native-sources.mjs'

const run = promisify(execFile)

/** Where node_api.h lies: installed with this Node, or where node-gyp has put it for the last build. */
function nodeHeaders() {
  const prefixes = [dirname(dirname(process.execPath))]
  const configuration = join(root, 'build/config.gypi')
  if (existsSync(configuration)) {
    const [, nodedir] = /"nodedir": "(.*)"/.exec(readFileSync(configuration, 'utf8')) ?? []
    if (nodedir !== undefined) prefixes.push(nodedir)
  }
  return prefixes
    .map((prefix) => join(prefix, 'include/node'))
    .find((path) => existsSync(join(path, 'node_api.h')))
}

/** Lints one file; returns what there is to say about it. */
async function lint(file, flags) {
  try {
    await run('clang-tidy', ['--quiet', '--warnings-as-errors=*', file, '--', ...flags], { cwd: root })
    return ''
  } catch (error) {
    return error.stdout || error.message
  }
}

requireTool('clang-tidy')
const headers = nodeHeaders()
if (headers === undefined) {
  console.error('node_api.h was not found: run `npm run build` first')
  process.exit(1)
}
const flags = [
  '-std=c++17',
  '-DNAPI_VERSION=8',
  '-DNAPI_DISABLE_CPP_EXCEPTIONS',
  '-DNODE_ADDON_API_DISABLE_DEPRECATED',
  `-isystem${headers}`,
  `-isystem${createRequire(import.meta.url)('node-addon-api').include_dir}`,
]
const files = nativeFiles(/\.cc$/)
const queue = files.values()
let failed = 0
await Promise.all(
  Array.from({ length: availableParallelism() }, async () => {
    for (const file of queue) {
      const findings = await lint(file, flags)
      if (findings === '') continue
      failed++
      console.log(findings)
    }
  }),
)
console.log(`clang-tidy: ${files.length} files, ${failed} with findings`)
process.exitCode = failed === 0 ? 0 : 1
