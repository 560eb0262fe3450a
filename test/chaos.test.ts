import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

/** As `npm run chaos`. */
const { scripts } = createRequire(import.meta.url)('../package.json') as { scripts: { chaos: string } }
const FLAGS = scripts.chaos.match(/--no-\S+/g) ?? []

function chaos(...options: string[]): { status: number | null; output: string } {
  const program = join(import.meta.dirname, 'chaos', 'main.mjs')
  const args = [...FLAGS, program, ...options]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { status, output: stdout + stderr }
}

describe.skipIf(process.platform !== 'linux')('chaos', () => {
  it('leaves every total exact, in ten seconds of it', () => {
    const { status, output } = chaos('--seconds', '10')
    expect(output).toContain('every total is exact')
    expect(status).toBe(0)
  })

  it('would tell if one were not', () => {
    const { status, output } = chaos('--seconds', '1', '--lose', '1000000')
    expect(output).toContain('WRONG')
    expect(status).toBe(1)
  })
})
