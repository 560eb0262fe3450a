import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { machineWithSectionsOr } from './support/machine.js'
import { WHY_NO_SHM } from './support/shared.js'

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
    expect(output).toContain('every total is exact, and no handle is left')
    expect(status).toBe(0)
  })

  it('would tell if a handle were left', () => {
    const { status, output } = chaos('--seconds', '1', '--leak', '3')
    expect(output).toContain('LEAK: 3 handles')
    expect(status).toBe(1)
  })

  it('would tell if a total were wrong', () => {
    const { status, output } = chaos('--seconds', '1', '--lose', '1000000')
    expect(output).toContain('WRONG')
    expect(status).toBe(1)
  })
})

describe.skipIf(WHY_NO_SHM !== '')('chaos of processes that are killed', () => {
  it('leaves every total exact, and loses no block, node or record, in ten seconds of it', async ({
    annotate,
    skip,
  }) => {
    await machineWithSectionsOr(skip)
    const { status, output } = chaos('--processes', '2', '4', '16', '--seconds', '10')
    for (const [line] of output.matchAll(/^\d+ processes of .*$/gm)) await annotate(line)
    expect(output).toContain('every total is exact, and nothing is lost or has two owners')
    expect(status).toBe(0)
  })

  it('would tell if an update were lost, and if nobody gave back what the dead held', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const { status, output } = chaos('--processes', '6', '--seconds', '3', '--plain', '--no-reclaim')
    expect(output).toMatch(/WRONG: list: \d+ of 300 are there/)
    expect(output).toMatch(/WRONG.*plain word/)
    expect(status).toBe(1)
  })
})
