// Writes compile_commands.json for the C++ below native/, for clangd, clang-tidy and other tools of clang's:
//
//   npm run compile-commands        as `npm run build:native` does, too
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nativeFiles, root } from './native-sources.mjs'

const FILE = 'compile_commands.json'

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

/** Writes the file. @throws Error if the headers of Node are not on this machine yet. */
export function writeCompileCommands() {
  const headers = nodeHeaders()
  if (headers === undefined) throw new Error('node_api.h was not found: run `npm run build` first')
  const flags = [
    '-std=c++17',
    '-DNAPI_VERSION=8',
    '-DNAPI_DISABLE_CPP_EXCEPTIONS',
    '-DNODE_ADDON_API_DISABLE_DEPRECATED',
    `-isystem${headers}`,
    `-isystem${createRequire(import.meta.url)('node-addon-api').include_dir}`,
  ]
  const commands = nativeFiles(/\.cc$/).map((file) => ({
    directory: root,
    file,
    arguments: ['c++', ...flags, '-c', file],
  }))
  writeFileSync(join(root, FILE), JSON.stringify(commands, null, 2))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeCompileCommands()
