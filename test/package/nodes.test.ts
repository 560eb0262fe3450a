/** Installed and used by each Node, with nothing around it. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { NODES, fetchNode, isPacked } from '../../scripts/node-versions.mjs'
import { installInto } from './support/install.js'
import { machineWithSectionsOr } from '../support/machine.js'
import { ENTRIES, type Smoke, makeProject, run, smoke, temporary } from './support/project.js'

function expectFast({ main, workers, counted, expected }: Smoke): void {
  for (const { backend, tier, reason } of [main, ...workers]) {
    expect([backend, tier, reason]).toEqual(['native', 'fast', null])
  }
  expect(counted).toBe(expected)
}

describe.each(NODES.filter((node) => isPacked(node)))('Node $version', (version) => {
  const node = join(fetchNode(version), 'bin', 'node')
  const permission = version.major === 20 ? '--experimental-permission' : '--permission'

  test('installs it without a compiler, and uses it', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const project = temporary()
    installInto(project, inject('packed').file, node)
    cpSync(ENTRIES, project, { recursive: true })
    const use = (file: string, options: string[] = []) => smoke(file, { cwd: project, node, options })

    const asModule = await use('esm.mjs')
    expectFast(asModule)
    expect(asModule.main.node).toBe(`v${version.version}`)
    expect(asModule.stderr).toBe('')
    expectFast(await use('cjs.cjs'))
    expectFast(await use('cjs-by-import.cjs'))
    expectFast(await use('worker-only.mjs'))

    const rights = [permission, '--allow-fs-read=*', '--allow-worker']
    expectFast(await use('esm.mjs', [...rights, '--allow-addons']))
    const withoutAddons = await use('esm.mjs', rights)
    expect(withoutAddons.main).toMatchObject({ backend: 'portable' })
    expect(withoutAddons.main.reason).toContain('loading addons is disabled')
    expect(withoutAddons.counted).toBe(withoutAddons.expected)

    const command = join(project, 'node_modules/rseq/lib/cli/main.js')
    const { status, stdout } = await run([command, 'info'], { cwd: project, node })
    expect([status, stdout]).toEqual([0, expect.stringMatching(/tier +fast/)])
  })
})

// As before 20.19, which an option can make again.
test('a Node whose require() takes no ES modules takes the CommonJS build', async () => {
  const project = makeProject()
  const options = ['--no-experimental-require-module']
  for (const file of ['cjs.cjs', 'cjs-by-import.cjs', 'esm.mjs']) {
    const { counted, expected } = await smoke(file, { cwd: project, options })
    expect(counted).toBe(expected)
  }
})
