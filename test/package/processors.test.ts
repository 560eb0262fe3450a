/**
 * The tarball on other processors, emulated. User-mode emulation has no restartable sequences: there the binary is
 * loaded, asks for them, and says why there are none. `npm run test:kernels` has whole machines.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { NODES, fetchNode, isPacked } from '../../scripts/node-versions.mjs'
import { makeProject, run, smoke } from './support/project.js'

const PROCESSORS = [
  { arch: 'arm64', emulator: 'qemu-aarch64-static', libraries: '/usr/aarch64-linux-gnu' },
  { arch: 'ppc64', emulator: 'qemu-ppc64le-static', libraries: '/usr/powerpc64le-linux-gnu' },
] as const

/** The path of the emulator; null where it is not installed, but in CI it must be. */
function find(emulator: string): string | null {
  try {
    return execFileSync('which', [emulator], { encoding: 'utf8' }).trim()
  } catch (error) {
    if (process.env['CI'] === 'true') throw error
    return null
  }
}

const REFUSED = /^the kernel refused to register this thread for rseq: ENOSYS/

describe.each(PROCESSORS.filter(({ arch }) => arch !== process.arch))(
  '$arch',
  ({ arch, emulator, libraries }) => {
    test('it runs, and says why there are no sections', async ({ skip }) => {
      const command = find(emulator) ?? skip(`${emulator} is not installed`)
      const version = NODES.find((node) => isPacked(node, arch)) ?? skip('npm has no Node for it')
      const cwd = makeProject()
      const options = {
        cwd,
        node: join(fetchNode(version, arch), 'bin', 'node'),
        env: { QEMU_LD_PREFIX: libraries },
      }
      // Its Workers are the same program again, in the same emulator.
      const { main, workers, counted, expected, stderr } = await smoke('esm.mjs', {
        ...options,
        under: command,
      })
      expect([main.platform, counted, stderr]).toEqual([`linux-${arch}`, expected, ''])
      for (const { backend, reason } of [main, ...workers]) {
        expect(backend).toBe('portable')
        expect(reason).toMatch(REFUSED)
      }
      const forced = await run(['esm.mjs'], {
        ...options,
        under: command,
        env: { ...options.env, RSEQ_BACKEND: 'native' },
      })
      expect([forced.status, forced.stderr]).toEqual([1, expect.stringContaining('ENOSYS')])
    })
  },
)
