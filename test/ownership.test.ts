/** Owners of both backends in a PID namespace of their own, and of two copies of the addon in one process. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { machineWithSectionsOr } from './support/machine.js'
import { runProgram } from './support/program.js'

const program = fileURLToPath(new URL('support/programs/colliding-owners.mjs', import.meta.url))
const NAMESPACE = ['-Urpf', '--mount-proc']

interface Outcome {
  met: number
  names: number
  threads: number
  pushed: number
  came: number
}

test('where Node is PID 1, numbers of threads meet, and names of owners do not', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  skip(spawnSync('unshare', [...NAMESPACE, 'true']).status !== 0, 'no PID namespace can be made here')
  const args = [...NAMESPACE, process.execPath, program, JSON.stringify({ steps: 20_000 })]
  const { stdout, stderr } = spawnSync('unshare', args, {
    encoding: 'utf8',
    env: { ...process.env, RSEQ_BACKEND: '', RSEQ_TIER: '' },
  })
  expect(stderr).toBe('')
  const { met, names, threads, pushed, came } = JSON.parse(stdout) as Outcome
  // Or nothing was tested.
  expect(met).toBeGreaterThan(0)
  expect(pushed).toBeGreaterThan(0)
  expect(names).toBe(threads)
  expect(came).toBe(pushed)
})

const ADDON = fileURLToPath(new URL('../build/Release/rseq.node', import.meta.url))
const AS_BUILT = { RSEQ_BACKEND: '', RSEQ_TIER: '' }

/** The note in the addon by which its copies find one table: name, content, version, "rseq". */
const NOTE = Buffer.from('\x05\0\0\0\x04\0\0\0\x01\0\0\0rseq\0', 'latin1')
const VERSION_AT = 8

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'rseq-owners-'))
  onTestFinished(() => {
    rmSync(directory, { recursive: true })
  })
  return directory
}

interface TwoAddons {
  backend: string
  atStoppedStack: string
  isExact: boolean
  takenFromTheLiving: boolean
  afterItsEnd: string
}

test('threads of two copies of the addon exclude each other, and see each other end', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const copy = join(temporaryDirectory(), 'copy.node')
  copyFileSync(ADDON, copy)
  for (const files of [
    [ADDON, copy],
    [copy, ADDON],
  ]) {
    const { result } = await runProgram<TwoAddons>('two-addons', {
      input: { files, adds: 20_000 },
      env: AS_BUILT,
    })
    expect(result).toEqual({
      backend: 'native',
      atStoppedStack: 'busy',
      isExact: true,
      takenFromTheLiving: false,
      afterItsEnd: 'OwnerDiedError',
    })
  }
})

test('the control: where each copy has a table of its own, a thread pushes to a stack that another owns', async ({
  skip,
}) => {
  await machineWithSectionsOr(skip)
  const directory = temporaryDirectory()
  const bytes = readFileSync(ADDON)
  const at = bytes.indexOf(NOTE)
  expect(at).toBeGreaterThan(0)
  // Neither finds the table of the other, as if each were of another version.
  const files = [1001, 1002].map((version) => {
    const file = join(directory, `${version}.node`)
    bytes.writeUInt32LE(version, at + VERSION_AT)
    writeFileSync(file, bytes)
    return file
  })
  const { result } = await runProgram<TwoAddons>('two-addons', { input: { files }, env: AS_BUILT })
  expect(result).toMatchObject({ backend: 'native', atStoppedStack: 'pushed' })
})
