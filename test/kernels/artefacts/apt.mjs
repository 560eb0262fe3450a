// A private apt for one suite and one architecture: it reads this machine's mirror and settings, and
// leaves the machine's own packages and lists alone.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Unavailable, ask, fetching } from '../host/process.mjs'
import { cache, directory } from '../host/places.mjs'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** The Debian archive that this machine's apt uses, or RSEQ_KERNELS_MIRROR. */
function mirror() {
  const own = process.env['RSEQ_KERNELS_MIRROR']
  if (own !== undefined) return own
  const sites = ask('apt-get', ['indextargets', '--format', '$(SITE)', 'Created-By: Packages']) ?? ''
  const site = sites.split('\n').find((line) => /\/debian\/*$/.test(line))
  if (site === undefined) {
    throw new Unavailable("this machine's apt has no Debian archive; RSEQ_KERNELS_MIRROR=URL names one")
  }
  return site
}

export class Apt {
  /** @param architecture - Debian's name of it. */
  constructor(architecture, suite) {
    this.suite = suite
    this.state = directory(cache, 'apt', `${architecture}-${suite}`)
    const sources = join(this.state, 'sources.list')
    const archives = directory(this.state, 'archives')
    directory(archives, 'partial')
    directory(this.state, 'lists', 'partial')
    // An empty list of what is installed: so the closure of a package is complete.
    writeFileSync(join(this.state, 'status'), '')
    writeFileSync(sources, `deb [signed-by=${KEYRING}] ${mirror()} ${suite} main\n`)
    this.settings = {
      'APT::Architecture': architecture,
      'APT::Architectures::': architecture,
      'APT::Sandbox::User': 'root',
      'Acquire::Languages': 'none',
      'Acquire::PDiffs': 'false',
      'Acquire::Retries': '3',
      'Dir::State': this.state,
      'Dir::State::status': join(this.state, 'status'),
      'Dir::State::lists': join(this.state, 'lists'),
      'Dir::Cache': this.state,
      'Dir::Cache::archives': archives,
      'Dir::Etc::sourcelist': sources,
      'Dir::Etc::sourceparts': '/dev/null',
      'Dir::Etc::preferences': '/dev/null',
      'Dir::Etc::preferencesparts': '/dev/null',
    }
  }

  #run(command, args, options) {
    const settings = Object.entries(this.settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])
    return fetching(command, [...settings, ...args], options)
  }

  async update() {
    await this.#run('apt-get', ['update', '--error-on=any'])
    writeFileSync(join(this.state, 'updated'), '')
  }

  /** Runs `work` on lists that exist; if it fails, on fresh ones: packages leave the archive. */
  async #withLists(work) {
    if (!existsSync(join(this.state, 'updated'))) {
      await this.update()
      return work()
    }
    try {
      return await work()
    } catch {
      await this.update()
      return work()
    }
  }

  /** The names of the packages that match an extended regular expression. */
  names(pattern) {
    return this.#withLists(async () => {
      const found = await this.#run('apt-cache', ['search', '--names-only', pattern])
      return found.split('\n').flatMap((line) => (line === '' ? [] : [line.split(' ')[0]]))
    })
  }

  /** Downloads packages into a directory; returns the paths of the files. */
  async download(packages, into) {
    await this.#withLists(() => this.#run('apt-get', ['download', ...packages], { cwd: into }))
    return debsIn(into)
  }

  /** Downloads packages with everything they depend on; returns the paths of the files. */
  async closure(packages, into) {
    directory(into, 'partial')
    const args = ['-o', `Dir::Cache::archives=${into}`]
    args.push('install', '--yes', '--no-install-recommends', '--download-only', ...packages)
    await this.#withLists(() => this.#run('apt-get', args))
    return debsIn(into)
  }
}

function debsIn(directory) {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.deb'))
    .map((name) => join(directory, name))
}
