/**
 * `rseq build` compiles the addon for this machine. The package compiles nothing unless this command is run.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import type { Command } from 'commander'
import { hasSections, ownBuild, packageRoot, platformName, target } from '../native/binary.js'

const BINDING = '{ "includes": ["native/addon.gypi"] }\n'

/** Finds node-gyp beside this package, in npm, or on the PATH; null if it is in none of them. */
function nodeGyp(): string | null {
  try {
    return createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')
  } catch {
    // npm contains node-gyp. On Windows it has another path, but there is nothing to compile there.
    const inNpm = 'npm/node_modules/node-gyp/bin/node-gyp.js'
    const prefix = dirname(dirname(process.execPath))
    const onPath = (process.env['PATH'] ?? '').split(delimiter).map((place) => join(place, 'node-gyp'))
    const places = [join(prefix, 'lib/node_modules', inNpm), join('/usr/share/nodejs', inNpm), ...onPath]
    return places.find((file) => existsSync(file)) ?? null
  }
}

/** The environment without npm's settings for the build of another project, which node-gyp would apply to this build. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(package|lifecycle)/i.test(name)),
  )
}

/** Runs node-gyp with its output on standard error. Resolves to false if it failed. */
function compile(gyp: string, directory: string): Promise<boolean> {
  // If headers were installed with this Node, they fit it, and using them saves a download.
  const prefix = dirname(dirname(process.execPath))
  const hasHeaders = existsSync(join(prefix, 'include/node/node_api.h'))
  const args = [
    gyp,
    'rebuild',
    '--release',
    '--loglevel=warn',
    ...(hasHeaders ? [`--nodedir=${prefix}`] : []),
  ]
  return new Promise((resolve, reject) => {
    spawn(process.execPath, args, { cwd: directory, env: environment(), stdio: ['ignore', 2, 2] })
      .on('error', reject)
      .on('exit', (status) => {
        resolve(status === 0)
      })
  })
}

async function run(): Promise<void> {
  if (!hasSections()) {
    console.log(
      `Nothing to compile: on ${platformName()} there are no restartable sequences, and none are needed.`,
    )
    return
  }
  const gyp = nodeGyp()
  if (gyp === null)
    throw new Error('node-gyp was not found: run `npm install --global node-gyp`, then try again')
  const root = packageRoot()
  const build = join(root, 'build')
  mkdirSync(build, { recursive: true })
  // Compiles in a directory of its own, because a binding.gyp in the package's root makes npm compile at every installation.
  const place = mkdtempSync(join(build, 'compile-'))
  const file = join(root, ownBuild())
  try {
    writeFileSync(join(place, 'binding.gyp'), BINDING)
    cpSync(join(root, 'native'), join(place, 'native'), { recursive: true })
    console.error(`Compiling for ${target()} ...`)
    if (!(await compile(gyp, place))) {
      throw new Error('it did not compile; it needs python3, make and a C++17 compiler (g++ or clang++)')
    }
    renameSync(join(place, 'build/Release/rseq.node'), file)
  } finally {
    rmSync(place, { recursive: true })
  }
  console.log(`Made ${file}: from now on it comes before the binary that was installed.`)
}

export function addBuild(program: Command): void {
  program
    .command('build')
    .description('compile the native library here, on purpose: needs python3, make and a C++17 compiler')
    .action(run)
}
