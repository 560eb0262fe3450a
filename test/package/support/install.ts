/**
 * Installs a tarball as on a machine without compilers, where no script of a package runs.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** npm itself, to be run by any Node. */
const NPM = join(
  execFileSync('npm', ['root', '--global'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim(),
  'npm/bin/npm-cli.js',
)

/** A directory with one program, `node`; gone when this process is. */
function binOf(node: string): string {
  const bin = mkdtempSync(join(tmpdir(), 'rseq-bin-'))
  process.once('exit', () => {
    rmSync(bin, { recursive: true, force: true })
  })
  symlinkSync(node, join(bin, 'node'))
  return bin
}

const bins = new Map<string, string>()

/** The environment in which there is one program, `node`: no compiler, no python, no shell. */
export function bareEnvironment(node: string = process.execPath): NodeJS.ProcessEnv {
  const bin = bins.get(node) ?? binOf(node)
  bins.set(node, bin)
  const kept = Object.entries(process.env).filter(([name]) =>
    /^(HOME|TMPDIR|XDG_CACHE_HOME|npm_config_registry)$/i.test(name),
  )
  return { ...Object.fromEntries(kept), PATH: bin }
}

/** Makes an empty project, and installs `tarball` there by that Node. */
export function installInto(directory: string, tarball: string, node: string = process.execPath): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }\n')
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']
  execFileSync(node, [NPM, 'install', ...options, tarball], {
    cwd: directory,
    env: bareEnvironment(node),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}
