// What a user installs, as a bill of materials in CycloneDX's form: node scripts/sbom.mjs prints it; the release check writes it beside
// the tarball.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The bill of materials of the package and of all that is installed with it. */
export function makeSbom() {
  const { name } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const omitted = ['dev', 'peer'].map((kind) => `--omit=${kind}`)
  const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=library', '--package-lock-only', ...omitted]
  const sbom = JSON.parse(
    execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  // npm takes the name of the directory.
  sbom.metadata.component.name = name
  return sbom
}

/**
 * What is wrong with it, one sentence each.
 *
 * @param {{ metadata: { component: { purl: string } }, components: { purl: string, licenses?: unknown[], hashes?: unknown[] }[] }} sbom
 * @param {{ name: string, version: string, dependencies: Record<string, string> }} manifest what package.json has
 */
export function sbomProblems(sbom, { name, version, dependencies }) {
  const problems = []
  const { purl } = sbom.metadata.component
  if (purl !== `pkg:npm/${name}@${version}`) problems.push(`it is that of ${purl}`)
  const has = (dependency) =>
    sbom.components.some((component) =>
      component.purl.startsWith(`pkg:npm/${dependency.replace('@', '%40')}@`),
    )
  problems.push(
    ...Object.keys(dependencies)
      .filter((one) => !has(one))
      .map((one) => `${one} is missing`),
  )
  for (const component of sbom.components) {
    if (!(component.hashes?.length > 0)) problems.push(`${component.purl} has no hash`)
    if (!(component.licenses?.length > 0)) problems.push(`${component.purl} has no licence`)
  }
  return problems
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(makeSbom(), null, 2))
