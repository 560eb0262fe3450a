// What a release check says about package.json, and the bill of materials of the package.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { addressProblems } from '../scripts/addresses.mjs'
import { makeSbom, sbomProblems } from '../scripts/sbom.mjs'

const good = {
  repository: { type: 'git', url: 'git+https://git.example/rseq/rseq.git' },
  homepage: 'https://rseq.example/docs/',
  bugs: { url: 'https://git.example/rseq/rseq/issues' },
}

describe('the addresses of a release', () => {
  it('are complete', () => {
    expect(addressProblems(good)).toEqual([])
  })

  it.each([
    ['repository', undefined],
    ['repository', { type: 'git', url: 'https://git.example/rseq/rseq' }],
    ['repository', { type: 'git', url: 'git+https://git.example/.git' }],
    ['repository', 'https://git.example/rseq/rseq.git'],
    ['homepage', undefined],
    ['homepage', 'http://rseq.example/'],
    ['homepage', 'rseq.example'],
    ['bugs', undefined],
    ['bugs', { email: 'bugs@rseq.example' }],
  ])('have to have %s, and not %j', (key, value) => {
    expect(addressProblems({ ...good, [key]: value })).toEqual([expect.stringContaining(`${key} is`)])
  })

  it('are all named if none is there', () => {
    expect(addressProblems({}).length).toBe(3)
  })
})

describe('the bill of materials', () => {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    name: string
    version: string
    dependencies: Record<string, string>
  }
  const sbom = makeSbom() as Parameters<typeof sbomProblems>[0]

  it('has what a user installs, and nothing else', () => {
    expect(sbomProblems(sbom, manifest)).toEqual([])
    expect(sbom.components.map(({ purl }) => purl.replace(/@[\d.]+$/, ''))).toEqual(
      Object.keys(manifest.dependencies).map((name) => `pkg:npm/${name}`),
    )
    expect(JSON.stringify(sbom)).not.toContain(process.cwd())
  })

  it('is refused if it lacks something', () => {
    const [component] = sbom.components
    const without = { ...sbom, components: [] }
    expect(sbomProblems(without, manifest)).toEqual(['commander is missing'])
    const bare = { ...sbom, components: [{ purl: component?.purl ?? '' }] }
    expect(sbomProblems(bare, manifest)).toEqual([
      `${component?.purl} has no hash`,
      `${component?.purl} has no licence`,
    ])
    expect(sbomProblems(sbom, { ...manifest, version: '99.0.0' }).length).toBe(1)
  })
})
