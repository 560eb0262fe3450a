import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

function chaos(...options: string[]): { status: number | null; output: string } {
  const program = join(import.meta.dirname, 'chaos', 'main.mjs')
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...options], { encoding: 'utf8' })
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
