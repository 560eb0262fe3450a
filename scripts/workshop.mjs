// A directory in which prebuildify builds one binary for one architecture.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fetchHeaders } from './node-versions.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const prebuildify = createRequire(import.meta.url).resolve('prebuildify/bin.js')

/** The only object that depends on the Node version: all others use Node-API, or do not use Node. */
const OF_ONE_NODE = 'v8_tier.o'

/** The environment without npm's settings, which node-gyp would read. */
function cleanEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))
}

function run(args, env) {
  return new Promise((resolve, reject) => {
    const options = { cwd: root, env, maxBuffer: 1 << 28 }
    execFile(process.execPath, [prebuildify, ...args], options, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(`${stdout}${stderr}\nprebuildify ${args.join(' ')} failed`))
      else resolve(stderr)
    })
  })
}

/**
 * A copy of the project, as prebuildify begins by deleting all built files, and ends by moving the binary away.
 */
export class Workshop {
  #arch
  #tools
  #directory

  /** @param tools - the prefix of the cross compiler's programs; null for the host's compiler. */
  constructor(arch, tools) {
    this.#arch = arch
    this.#tools = tools
    const build = join(root, 'build')
    mkdirSync(build, { recursive: true })
    this.#directory = mkdtempSync(join(build, 'prebuild-'))
    // Copies instead of links: gyp follows links, and would put the objects of all workshops into one directory.
    const sources = ['addon', 'percpu', 'rseq', 'addon.gypi'].map((name) => join('native', name))
    for (const name of ['binding.gyp', 'package.json', ...sources]) {
      cpSync(join(root, name), join(this.#directory, name), { recursive: true })
    }
  }

  /**
   * Makes the binary, into prebuilds/.
   *
   * @param objects - those of a workshop of the same architecture: then only what depends on the Node
   *   version is compiled.
   */
  async make({ node, fast }, { jobs, objects = null }) {
    const args = [
      `--cwd=${this.#directory}`,
      `--out=${root}`,
      `--arch=${this.#arch}`,
      `--target=${node.version}`,
      fast ? '--no-napi' : '--napi',
      '--tag-libc=glibc',
      '--strip',
      ...(this.#tools === null ? [] : [`--strip-bin=${this.#tools}strip`]),
    ]
    const env = {
      ...cleanEnvironment(),
      ...(this.#tools === null ? {} : { CC: `${this.#tools}gcc`, CXX: `${this.#tools}g++` }),
      npm_config_nodedir: fetchHeaders(node),
      RSEQ_NAPI_ONLY: fast ? '0' : '1',
      RSEQ_OBJECTS: objects === null ? '' : this.#take(objects),
      JOBS: String(jobs),
    }
    const stderr = await run(args, env)
    if (/warning:/.test(stderr)) process.stderr.write(stderr)
  }

  /** The object files that a binary for any Node version shares with the one made here. */
  objects() {
    const place = join(this.#directory, 'build', 'Release', 'obj.target')
    const files = readdirSync(place, { recursive: true, encoding: 'utf8' })
    const objects = files.filter((file) => file.endsWith('.o') && !file.endsWith(OF_ONE_NODE))
    if (objects.length === 0) throw new Error(`there are no objects in ${place}`)
    return objects.map((file) => join(place, file))
  }

  /** Copies objects to this directory. Returns their names relative to build/, where the linker runs. */
  #take(objects) {
    const names = objects.map((_, i) => `objects/${i}.o`)
    objects.forEach((file, i) => {
      cpSync(file, join(this.#directory, names[i]))
    })
    return names.map((name) => `../${name}`).join(' ')
  }

  close() {
    rmSync(this.#directory, { recursive: true })
  }
}
