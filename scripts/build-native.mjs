// Builds the addon with node-gyp into build/Release, or the one of the directory given as an argument into
// the build/Release there. Silent when it works, all of the output when not.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeCompileCommands } from './compile-commands.mjs'
import { generate } from './generate-operations.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const directory = resolve(root, process.argv[2] ?? '.')
const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')

if (process.platform !== 'linux') {
  console.log('rseq: no native code for this platform; the portable backend will run')
  process.exit(0)
}

generate()

// If this Node was installed with headers, use them instead of a download.
const prefix = dirname(dirname(process.execPath))
const hasHeaders = existsSync(join(prefix, 'include', 'node', 'node_api.h'))
const args = [
  'configure',
  'build',
  '--release',
  '--loglevel=warn',
  ...(hasHeaders ? [`--nodedir=${prefix}`] : []),
]

const { status, stdout, stderr } = spawnSync(process.execPath, [nodeGyp, ...args], {
  cwd: directory,
  encoding: 'utf8',
  maxBuffer: 1 << 28,
})
if (status !== 0) {
  process.stderr.write(stdout + stderr)
  console.error('rseq: the native build failed; it needs python3, make and a C++17 compiler (g++ or clang++)')
  process.exit(1)
}
if (directory === root) writeCompileCommands()
const warnings = stderr.split('\n').filter((line) => line.includes('warning:'))
if (warnings.length > 0) process.stderr.write(stderr)
