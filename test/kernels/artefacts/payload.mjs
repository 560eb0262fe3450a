// What changes from one run to the next: the package as it would be installed, the tests, and the plan.
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { directory, project, rig, work } from '../host/places.mjs'
import { run } from '../host/process.mjs'
import { planFor, smokeExpectations } from '../plan.mjs'
import { pack } from './cpio.mjs'

/** The TypeScript half of the package, into lib/, and the tools. */
export function buildLibrary() {
  return run('npm', ['run', '--silent', 'build:ts'], { cwd: project })
}

/** The modules that npm installs along with the package, by their place in node_modules. */
function dependencies() {
  const { packages } = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'))
  return Object.keys(packages).filter((path) => path !== '' && !packages[path].dev)
}

function copyPackage(app, prebuilds) {
  for (const name of ['package.json', 'lib', ...dependencies()]) {
    const from = join(project, name)
    if (existsSync(from)) cpSync(from, join(app, name), { recursive: true })
  }
  cpSync(prebuilds, join(app, 'prebuilds'), { recursive: true })
  // The linter is a package of its own. It finds what it needs in the node_modules of the package above it.
  cpSync(join(project, 'build', 'tools'), join(app, 'tools'), { recursive: true })
  cpSync(join(project, 'node_modules', 'picocolors'), join(app, 'node_modules', 'picocolors'), {
    recursive: true,
  })
}

/** One line for each program, as guest/init reads them. */
function planText(plan) {
  return plan
    .map(({ name, singlestep, seconds, exit, command }) =>
      [name, singlestep ? 'yes' : 'no', seconds, exit, command].join('|'),
    )
    .join('\n')
}

/**
 * Packs it for one machine.
 *
 * @returns the path of the archive.
 */
export async function makePayload(machine, { prebuilds, abi, programs, cpus }) {
  const place = directory(work, machine.name)
  const root = join(place, 'payload')
  rmSync(root, { recursive: true, force: true })
  const guest = join(rig, 'guest')
  cpSync(join(guest, 'init'), join(root, 'init'))
  copyPackage(directory(root, 'app'), prebuilds)
  for (const name of readdirSync(guest).filter((file) => file.endsWith('.mjs'))) {
    cpSync(join(guest, name), join(root, 'app', 'rig', name))
  }
  cpSync(programs, join(root, 'rig', 'bin'), { recursive: true })
  writeFileSync(join(root, 'rig', 'plan'), planText(planFor(machine)) + '\n')
  writeFileSync(join(root, 'rig', 'machine.json'), JSON.stringify(smokeExpectations(machine, { cpus, abi })))
  const archive = join(place, 'payload.cpio')
  await pack(root, archive)
  rmSync(root, { recursive: true })
  return archive
}
