// docs/versions.md says what the code has.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** The value of a constant of a source, or undefined. */
function constantIn(source: string, name: string): number | undefined {
  const [, value] = new RegExp(`^(?:export )?const ${name} = (\\d+)$`, 'm').exec(source) ?? []
  return value === undefined ? undefined : Number(value)
}

interface Row {
  version: number
  name: string
  file: string
  outside: string
}

const rows = [
  ...read('docs/versions.md').matchAll(/^\| .* \| +(\d+) \| `(\w+)` in `([\w./-]+)` +\| (.*?) +\|$/gm),
].map(([, version, name = '', file = '', outside = '']): Row => ({
  version: Number(version),
  name,
  file,
  outside,
}))

describe('docs/versions.md', () => {
  it('has all layouts', () => {
    expect(rows.length).toBe(6)
  })

  it.each(rows)('$name in $file is $version', ({ version, name, file }) => {
    expect(constantIn(read(file), name)).toBe(version)
  })

  it.each(rows)(
    '$name in $file is read from outside in the versions $outside',
    ({ version, file, outside }) => {
      const oldest =
        file === 'src/core/layout.ts' ? constantIn(read('src/inspect/region.ts'), 'OLDEST_VERSION') : version
      expect(outside).toBe(oldest === version ? `${version}` : `${oldest ?? '?'} to ${version}`)
    },
  )

  it('has the numbers that the C++ library has', () => {
    const native = (path: string, name: string): string | undefined =>
      new RegExp(`constexpr uint32_t ${name} = (\\d+);`).exec(read(path))?.[1]
    const documented = (file: string): string => String(rows.find((row) => row.file === file)?.version)
    expect(native('native/percpu/region.h', 'kLayoutVersion')).toBe(documented('src/core/layout.ts'))
    expect(native('native/percpu/trace.h', 'kVersion')).toBe(documented('src/trace/events-memory.ts'))
  })

  it('names every constant of a version', () => {
    const named = rows.map(({ name, file }) => `${file}: ${name}`)
    const inCode = [
      'core/layout',
      'core/histogram-layout',
      'core/service-files',
      'metrics/layout',
      'series/layout',
      'trace/events-memory',
    ]
      .map((file) => `src/${file}.ts`)
      .flatMap((file) =>
        [...read(file).matchAll(/^(?:export )?const (\w*VERSION) = \d+$/gm)].map(
          ([, name]) => `${file}: ${name}`,
        ),
      )
    expect([...named].sort()).toEqual(inCode.sort())
  })

  it('has the version of Node that package.json asks for, and the versions of the trace format that are written', () => {
    const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } }
    expect(engines.node).toBe('>=20')
    expect(read('docs/versions.md')).toContain('even versions of Node from 20 on')
    expect(read('src/trace/ctf/metadata.ts')).toMatch(/major = 1;\s+minor = 8;/)
  })

  it('would be found wrong', () => {
    expect(constantIn('export const A = 3\nconst B = 4', 'B')).toBe(4)
    expect(constantIn('const AB = 3', 'B')).toBeUndefined()
  })
})
